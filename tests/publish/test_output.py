"""Tables lose no digit, however narrow the terminal is."""

import io
import os
import pty
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest
from rich.console import Console

from publish.experiment import figures
from publish.output import LEAST, Table, show
from publish.results import kept

ROOT = Path(__file__).resolve().parents[2]
ROWS = [(f"case {i}", *(f"{10**9 // 7 * i * k:,}" for k in range(1, 9))) for i in range(1, 4)]
WIDE = Table("a wide one", tuple("abcdefghi"), ROWS)


def digits(text: str) -> Counter:
    return Counter(letter for letter in text if letter.isdigit())


def printed(width: int, shown) -> str:
    text = io.StringIO()
    shown(Console(file=text, width=width))
    return text.getvalue()


@pytest.mark.parametrize(
    "shown",
    [
        WIDE.show,
        lambda console: figures(console, kept("tables")[0]),
        lambda console: show(console, "9", [("x 1", "1,234,567,890 B", "1/3 " * 40)]),
    ],
)
def test_no_digit_is_lost(shown):
    wide, narrow = printed(500, shown), printed(LEAST, shown)
    assert digits(wide) == digits(narrow) and "…" not in narrow


def test_a_terminal_of_twelve_columns():
    """As wide as can be read; the terminal breaks what is longer."""
    text = "from publish.output import wide_console; print(wide_console(150).width)"
    main, other = pty.openpty()
    os.set_blocking(main, False)
    subprocess.run(
        ["sh", "-c", f'stty columns 12 && exec "{sys.executable}" -c "{text}"'],
        cwd=ROOT,
        stdin=other,
        stdout=other,
        stderr=other,
        env={name: value for name, value in os.environ.items() if name not in ("COLUMNS", "LINES")},
        check=True,
    )
    assert os.read(main, 1000).decode().split() == [str(LEAST)]
    os.close(main)
    os.close(other)


def test_a_pipe_is_as_wide_as_the_table_needs():
    text = "from publish.output import wide_console; print(wide_console(96).width)"
    done = subprocess.run(
        [sys.executable, "-c", text], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert done.stdout == "96\n"
