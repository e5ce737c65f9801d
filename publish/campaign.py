"""What `make campaign` prints: each run in a line, and of those that did not pass, why."""

from rich.console import Console

from isa.words import counted
from programs.tensors import converted
from publish.output import Table

__all__ = ["MOST", "TOLD", "show"]

MOST = 60
"""Runs that are listed; of more, only those that did not pass, which are never left out."""

TOLD = 8
"""Failures whose command is printed; those of all are in the tables."""


def show(console: Console, name: str, rows: list[dict]) -> None:
    """Print the table of a campaign's rows, then the first failures, each with the command that
    repeats it.
    """
    wrong = [row for row in rows if row["status"] != "passed"]
    listed = rows if len(rows) <= MOST else wrong
    heads = ("run", "status", "dataflow", "cycles", "matrix utilisation")
    if listed:
        left = len(rows) - len(listed)
        note = f"{left} that passed are not listed" if left else ""
        lines = [_line(row) for row in listed]
        Table(f"campaign {name}: {counted(len(rows), 'run')}", heads, lines, note).show(console)
    for said in dict.fromkeys(map(_converted, rows)):
        if said:
            console.print(said, highlight=False, soft_wrap=True)
    for row in wrong[:TOLD]:
        console.print(f"\n{row['run']}: {row['error']}", highlight=False, markup=False)
        console.print(f"  {row['log']}\n  {row['repeat']}", highlight=False, soft_wrap=True)


def _converted(row: dict) -> str:
    said = converted(row.get("file_formats", ""), row.get("dtype", ""))
    return f"{row['workload']}: inputs in {row['dtype']}, {said}" if said else ""


def _line(row: dict) -> tuple[str, ...]:
    cycles = f"{row['cycles']:,}" if "cycles" in row else ""
    used = f"{row['matrix_utilization']:.1%}" if "matrix_utilization" in row else ""
    return row["run"], row["status"], row["dataflow"], cycles, used
