"""Result files that are complete or not there, and the tables shown beside them."""

import html
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.table import Table as RichTable

from tb.files import write_json
from tb.runner import ROOT

__all__ = ["LEAST", "Table", "clear", "show", "wide_console", "write_result"]


LEAST = 60
"""Columns below which tables are not squeezed: lines that are too long lose nothing."""


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


def wide_console(width: int = 150) -> Console:
    """A console for tables with many columns: as wide as the terminal, but not narrower than
    `LEAST`, and `width` columns where there is none.
    """
    console = Console()
    return Console(width=max(console.width, LEAST) if console.is_terminal else width)


def show(console: Console, title: str, rows: Sequence[tuple[str, str, str]]) -> None:
    """Print (what, value, explanation) under a title, a row each."""
    table = RichTable(box=None, show_header=False, padding=(0, 2, 0, 0))
    table.add_column(style="bold", overflow="fold")
    table.add_column(justify="right", no_wrap=True)
    table.add_column(style="dim", overflow="fold")
    for row in rows:
        table.add_row(*row)
    console.print(title, highlight=False)
    console.print(table)


@dataclass(frozen=True)
class Table:
    """A title, column heads, rows of text, and a note below."""

    title: str
    heads: tuple[str, ...]
    rows: Sequence[tuple[str, ...]]
    note: str = ""

    def show(self, console: Console) -> None:
        """Print it."""
        table = RichTable(
            title=self.title,
            title_justify="left",
            caption=self.note or None,
            caption_justify="left",
        )
        for index, head in enumerate(self.heads):
            table.add_column(head, justify="left" if index == 0 else "right", overflow="fold")
        for row in self.rows:
            table.add_row(*row)
        console.print(table)

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
