"""Tables lose no digit, however narrow the terminal is."""

import io
import os
import pty
import re
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest
from rich.console import Console

from publish.attention import ratio
from publish.experiment import figures
from publish.output import LEAST, Table, show, wide_console
from publish.results import kept

ROOT = Path(__file__).resolve().parents[2]
ROWS = [(f"case {i}", *(f"{10**9 // 7 * i * k:,}" for k in range(1, 9))) for i in range(1, 4)]
WIDE = Table("a wide one", tuple("abcdefghi"), ROWS)


def digits(text: str) -> Counter:
    return Counter(letter for letter in text if letter.isdigit())


def printed(width: int, shown, **more) -> str:
    text = io.StringIO()
    shown(Console(file=text, width=width, no_color=True, **more))
    return text.getvalue()


@pytest.mark.parametrize(
    "shown",
    [
        WIDE.show,
        lambda console: figures(console, kept("tables")[0]),
        lambda console: show(console, "9", [("x 1", "1,234,567,890 B", "1/3 " * 40)]),
    ],
)
def test_no_digit_is_lost_and_no_number_broken(shown):
    wide = printed(500, shown)
    for terminal in (True, False):
        for width in (LEAST, 60, 80):
            narrow = printed(width, shown, force_terminal=terminal)
            narrow = re.sub(r"\x1b\[[0-9;]*m", "", narrow)
            assert digits(wide) == digits(narrow) and "…" not in narrow
            assert set(re.findall(r"[\d,]{5,}", wide)) <= set(re.findall(r"[\d,]{5,}", narrow))


def test_a_narrow_terminal_gets_lines_in_place_of_a_table(monkeypatch):
    monkeypatch.delenv("COLUMNS", raising=False)
    shown = printed(LEAST, WIDE.show, force_terminal=True)
    assert "┃" not in shown and "\n  b: 142,857,142\n" in shown
    assert "┃" in printed(LEAST, WIDE.show)
    monkeypatch.setenv("COLUMNS", "40")
    assert "┃" not in printed(LEAST, WIDE.show)


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


@pytest.mark.parametrize(
    ("columns", "wide"), [("", "96"), ("70", "70"), ("12", f"{LEAST}"), ("x", "96")]
)
def test_a_pipe_is_as_wide_as_columns_says(columns, wide):
    text = "from publish.output import wide_console; print(wide_console(96).width)"
    done = subprocess.run(
        [sys.executable, "-c", text],
        cwd=ROOT,
        env=os.environ | {"COLUMNS": columns},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout == f"{wide}\n"


def test_no_line_in_a_pipe_ends_in_spaces(capsys):
    console = wide_console()
    WIDE.show(console)
    figures(console, kept("tables")[0])
    show(console, "title", [("a", "1", "short"), ("b", "2", "a longer one")])
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) > 15 and lines == [line.rstrip() for line in lines]


def test_no_number_stands_for_an_error_that_there_is_not():
    none = dict.fromkeys(("max_abs_error", "error_vs_reference", "error_of_allowed"))
    seen = printed(96, lambda console: figures(console, kept("tables")[0] | none))
    assert re.search(r"error against fp64 +none  no element is finite both here and", seen)
    assert ratio(none) == "none"


def test_sentences_go_below_where_there_is_no_room_beside():
    why = "because " * 12 + "of it"
    table = Table("t", ("what", "n", "why"), [("one", "1", why), ("two", "2", "")])
    assert f"│ {why} │" in printed(160, table.show)
    narrow = printed(80, table.show)
    assert "why" not in narrow and "one: because because" in narrow and "two:" not in narrow
