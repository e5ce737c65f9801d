"""Pages that show commands and what they print: the page is run, and every line compared.

What a page has in fences says what is done, from the top:

* ``console``: lines that begin with ``$`` are commands, run one after the other by ``sh`` in one
  folder; the lines below are what each prints, errors and output in order.
* ``console slow``: the same, of a command that takes minutes at first.
* any language and a file's name (``text put.s``): the reader saves it under that name.

Everything else is only read. Printed lines must be those of the page but for what depends on the
machine, see `masked`, and a line ``...`` stands for any lines, or none.
"""

import difflib
import os
import re
import subprocess
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

__all__ = ["Mismatch", "ShownCommand", "ShownFile", "follow", "masked", "steps_of"]

_FENCE = re.compile(r"^```(\w+)(?: +(\S+))?\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_MASKS = (
    (r"\d[\d,.]* (s|seconds|MB|kHz|kcycles/s)\b", r"# \1"),
    (r"(/[\w.+-]+)+/(?=build/)", ""),
    (r"\bbuild/runs/[\w-]+", "build/runs/#"),
    (r"\[Makefile:\d+: (\w+)\]", r"[Makefile:#: \1]"),
)
"""What differs from machine to machine: times, rates and memory, the folder of the checkout, the
folder of a run, the line of a target in the Makefile.
"""
_KEPT = ("PATH", "HOME", "TMPDIR", "FLATMESH_SHORT_RUNS")
"""Of the environment: a reader's shell has none of the variables of our targets. Its builds
are those of the tests.
"""
_ANY = "..."
_MOST_SECONDS = 1800


class Mismatch(AssertionError):
    """A command printed something else than its page says, or ended otherwise; the message names
    the line of the page and shows the difference.
    """


@dataclass(frozen=True)
class ShownFile:
    """A file that the reader saves."""

    line: int
    name: str
    text: str


@dataclass(frozen=True)
class ShownCommand:
    """A command, and the lines that it prints."""

    line: int
    command: str
    printed: tuple[str, ...]
    slow: bool


def steps_of(page: str) -> Iterator[ShownFile | ShownCommand]:
    """What a page's reader does, in order."""
    for found in _FENCE.finditer(page):
        language, more, body = found.groups()
        first = page[: found.start()].count("\n") + 2
        if language == "console":
            yield from _commands(body.splitlines(), first, slow=more == "slow")
        elif more:
            yield ShownFile(first, more, body)


def _commands(lines: Sequence[str], first: int, *, slow: bool) -> Iterator[ShownCommand]:
    starts = [index for index, line in enumerate(lines) if line.startswith("$ ")]
    if lines and starts[:1] != [0]:
        raise ValueError(f"line {first}: console must begin with a command, $ ...")
    for start, end in zip(starts, [*starts[1:], len(lines)], strict=True):
        printed = tuple(lines[start + 1 : end])
        yield ShownCommand(first + start, lines[start][2:], printed, slow)


def masked(line: str) -> str:
    """A line without what depends on the machine (`_MASKS`) and without spaces at its end."""
    for pattern, instead in _MASKS:
        line = re.sub(pattern, instead, line)
    return line.rstrip()


def follow(step: ShownFile | ShownCommand, folder: Path, *, page: str) -> None:
    """Do what a step says, in a folder.

    Raises
    ------
    Mismatch
        If a command prints something else.
    """
    if isinstance(step, ShownFile):
        (folder / step.name).write_text(step.text)
        return
    environment = {name: os.environ[name] for name in _KEPT if name in os.environ}
    done = subprocess.run(
        ["sh", "-c", step.command],
        cwd=folder,
        env={**environment, "LC_ALL": "C.UTF-8"},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=_MOST_SECONDS,
        check=False,
    )
    # Where there is no build yet, one says that it begins and ends (`tb.waiting`).
    progress = ("building ", "setting up ", "RTL: about ")
    printed = [line for line in done.stdout.splitlines() if not line.startswith(progress)]
    if not _alike([masked(line) for line in step.printed], [masked(line) for line in printed]):
        diff = difflib.unified_diff(
            [masked(line) for line in step.printed],
            [masked(line) for line in printed],
            f"{page}:{step.line}",
            "printed",
            lineterm="",
            n=2,
        )
        raise Mismatch(f"{page}:{step.line}: $ {step.command}\n" + "\n".join(diff))


def _alike(page: Sequence[str], printed: Sequence[str]) -> bool:
    """Whether all lines are there, in order; ``...`` stands for any."""
    reached = {0}  # how many printed lines the page's lines so far may stand for
    for line in page:
        if line == _ANY:
            reached = set(range(min(reached), len(printed) + 1)) if reached else set()
        else:
            reached = {at + 1 for at in reached if at < len(printed) and printed[at] == line}
    return len(printed) in reached
