"""Result files that are complete or not there, and the tables shown beside them."""

import html
import os
import re
import shutil
import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TextIO

from rich.console import Console
from rich.table import Table as RichTable
from rich.text import Text

from tb.files import write_json
from tb.runner import ROOT

__all__ = ["LEAST", "Table", "clear", "progress_console", "show", "wide_console"]
__all__ += ["write_result"]


LEAST = 40
"""Columns below which nothing is squeezed: the terminal breaks what is longer."""
_UNBROKEN = 10_000
"""Columns that no line has."""
_SENTENCE = 60
"""Characters from which a cell is one."""
_FRAME = 3
"""Columns of a table's frame for each of its own."""
_EXPLAINED = 24
"""Columns that an explanation needs beside its value; with less it goes below."""


def write_result(target: str, result: dict) -> Path:
    """Write ``build/<target>/result.json`` in one step and return its path."""
    path = ROOT / "build" / target / "result.json"
    write_json(path, result)
    return path


def clear(folder: Path, *names: str) -> None:
    """Remove what an earlier call left under these names, so that nothing stays that does not
    belong together.
    """
    for name in names:
        path = folder / name
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)


class _Trimmed:
    """A stream that takes the spaces off the ends of lines."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def write(self, text: str) -> int:
        """Write whole lines, as a console does."""
        self._stream.write(re.sub(r" +(?=\n)", "", text))
        return len(text)

    def __getattr__(self, name: str):
        return getattr(self._stream, name)


def wide_console(width: int = 100) -> Console:
    """A console for tables with many columns, never narrower than `LEAST`.

    It is as wide as the terminal. In a pipe or a file it has as many columns as ``COLUMNS`` says,
    or else `width`, and no line ends in spaces.
    """
    console = Console()
    if console.is_terminal:
        return Console(width=max(console.width, LEAST))
    return Console(width=max(_columns() or width, LEAST), file=_Trimmed(sys.stdout))  # type: ignore[arg-type]


def _columns() -> int:
    """What ``COLUMNS`` asks for; 0 if nothing."""
    said = os.environ.get("COLUMNS", "")
    return int(said) if re.fullmatch("[1-9][0-9]{0,3}", said) else 0


def progress_console() -> Console:
    """A console on stderr for what goes on; where there is no terminal, lines are as they come."""
    console = Console(stderr=True)
    return console if console.is_terminal else Console(stderr=True, width=_UNBROKEN)


def show(console: Console, title: str, rows: Sequence[tuple[str, str, str]]) -> None:
    """Print (what, value, explanation) under a title, a row each; the explanation below where
    there is no room beside.
    """
    console.print(title, highlight=False)
    what, value = (max((len(row[i]) for row in rows), default=0) for i in (0, 1))
    room = console.width - what - value - 4
    if room < _EXPLAINED:
        for name, text, why in rows:
            line = Text.assemble((name, "bold"), "  ", text)
            console.print(line, soft_wrap=True)
            if why:
                console.print(Text(f"    {why}", style="dim"))
        return
    table = RichTable(box=None, show_header=False, padding=(0, 2, 0, 0))
    table.add_column(style="bold", width=what)
    table.add_column(justify="right", width=value)
    table.add_column(style="dim", overflow="fold", max_width=room)
    for row in rows:
        table.add_row(*row)
    console.print(table)


@dataclass(frozen=True)
class Table:
    """A title, column heads, rows of text, and a note below."""

    title: str
    heads: tuple[str, ...]
    rows: Sequence[tuple[str, ...]]
    note: str = ""

    def show(self, console: Console) -> None:
        """Print it, no word or number broken. A last column of sentences goes below, where it would
        be squeezed. Without room for all columns, each row becomes a few
        lines on a terminal, and where ``COLUMNS`` is set; else the table is as wide as it must be.
        """
        widths = self._widths(console.width - _FRAME * len(self.heads) - 1)
        last = [row[-1] for row in self.rows]
        if len(self.heads) > 2 and widths[-1] < _longest(last) and _longest(last) > _SENTENCE:
            rows = [row[:-1] for row in self.rows]
            told = [f"{row[0]}: {row[-1]}" for row in self.rows if row[-1]]
            replace(self, heads=self.heads[:-1], rows=rows, note="").show(console)
            for text in [*told, *([self.note] if self.note else [])]:
                console.print(Text(text, style="dim"))
            return
        wide = sum(widths) + _FRAME * len(widths) + 1
        if wide > console.width and (console.is_terminal or _columns()):
            self._show_lines(console)
            return
        table = RichTable()
        for index, (head, width) in enumerate(zip(self.heads, widths, strict=True)):
            table.add_column(head, justify="left" if index == 0 else "right", width=width)
        for row in self.rows:
            table.add_row(*map(Text, row))
        before, console.width = console.width, max(wide, console.width)
        if self.title:
            console.print(Text(self.title, style="italic"))
        console.print(table)
        console.width = before
        if self.note:
            console.print(Text(self.note, style="dim italic"))

    def _widths(self, room: int) -> list[int]:
        """Characters of each column: its longest word at least, and more while there is room."""
        columns = [[head, *(row[i] for row in self.rows)] for i, head in enumerate(self.heads)]
        words = [_longest([word for cell in cells for word in cell.split()]) for cells in columns]
        lines = [
            _longest([part for cell in cells for part in cell.split("\n")]) for cells in columns
        ]

        def within(most: int) -> list[int]:
            return [max(word, min(line, most)) for word, line in zip(words, lines, strict=True)]

        most = max(lines)
        while most > 1 and sum(within(most)) > room:
            most -= 1
        return within(most)

    def _show_lines(self, console: Console) -> None:
        """Each cell on a line of its own, after its head."""
        console.print(Text(self.title, style="italic"))
        for row in self.rows:
            first, *others = zip(self.heads, row, strict=True)
            console.print(Text(" ".join(" ".join(first).split()), style="bold"), soft_wrap=True)
            for head, cell in others:
                if cell:
                    said = " ".join(f"{head}: {cell}".removeprefix(": ").split())
                    console.print(Text(f"  {said}"), soft_wrap=True)
        if self.note:
            console.print(Text(self.note, style="dim italic"))

    def html(self) -> str:
        """The table as HTML."""
        heads = "".join(f"<th>{html.escape(head)}</th>" for head in self.heads)
        rows = "".join(
            "<tr>" + "".join(f"<td>{html.escape(cell)}</td>" for cell in row) + "</tr>"
            for row in self.rows
        )
        note = f"<p class=note>{html.escape(self.note)}</p>" if self.note else ""
        return f"<h3>{html.escape(self.title)}</h3><table><tr>{heads}</tr>{rows}</table>{note}"

    def markdown(self) -> str:
        """The table as Markdown, without title and note."""
        lines = [
            " | ".join(self.heads),
            "|".join("---" for _ in self.heads),
            *(" | ".join(row) for row in self.rows),
        ]
        return "\n".join(f"|{line}|" if i == 1 else f"| {line} |" for i, line in enumerate(lines))


def _longest(texts: Sequence[str]) -> int:
    return max(map(len, texts), default=1)
