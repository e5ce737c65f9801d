"""What the parts of `make noc` share: a task for a process of its own, and a table for terminal and report alike."""

import html
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from rich.console import Console
from rich.table import Table as RichTable

__all__ = ["Table", "Task"]


@dataclass(frozen=True)
class Task:
    """A named call that returns a dict of plain values."""

    name: str
    call: Callable[..., dict]
    arguments: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Table:
    """A title, column heads, rows of text, and a note below."""

    title: str
    heads: tuple[str, ...]
    rows: list[tuple[str, ...]]
    note: str = ""

    def show(self, console: Console) -> None:
        """Print it."""
        table = RichTable(title=self.title, title_justify="left", caption=self.note or None, caption_justify="left")
        for index, head in enumerate(self.heads):
            table.add_column(head, justify="left" if index == 0 else "right")
        for row in self.rows:
            table.add_row(*row)
        console.print(table)

    def html(self) -> str:
        """The table as HTML."""
        heads = "".join(f"<th>{html.escape(head)}</th>" for head in self.heads)
        rows = "".join("<tr>" + "".join(f"<td>{html.escape(cell)}</td>" for cell in row) + "</tr>" for row in self.rows)
        note = f"<p class=note>{html.escape(self.note)}</p>" if self.note else ""
        return f"<h3>{html.escape(self.title)}</h3><table><tr>{heads}</tr>{rows}</table>{note}"
