"""Result files that are complete or not there, and the tables shown beside them."""

import json
import os
import tempfile
from pathlib import Path

from rich.console import Console
from rich.table import Table

from tb.runner import ROOT

__all__ = ["show", "write_result"]


def write_result(target: str, result: dict) -> Path:
    """Write ``build/<target>/result.json`` in one step and return its path."""
    folder = ROOT / "build" / target
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.NamedTemporaryFile("w", dir=folder, delete=False) as scratch:
        json.dump(result, scratch, indent=2)
        scratch.write("\n")
    path = folder / "result.json"
    os.chmod(scratch.name, 0o644)
    os.replace(scratch.name, path)
    return path


def show(console: Console, title: str, rows: list[tuple[str, str, str]]) -> None:
    """Print a table of (what, value, explanation)."""
    table = Table(title=title, title_justify="left", show_header=False)
    table.add_column(style="bold")
    table.add_column(justify="right")
    table.add_column(style="dim")
    for row in rows:
        table.add_row(*row)
    console.print(table)
