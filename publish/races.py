"""What `make races` found: the tables of a run, and the parts of docs/races.md."""

import textwrap
from collections import Counter

from publish.output import Table
from verify.races.study import OUTCOMES
from verify.races.survey import COUNTED

__all__ = ["family_table", "messages", "program_table", "removal_table", "removed", "said"]

_MOST_LINES = 4
"""Of a message that are shown."""


def program_table(checks: dict[str, dict]) -> Table:
    """A row for each shipped program."""
    rows = [
        (
            name,
            *(f"{seen[what]:,}" for what in COUNTED),
            f"{seen['seconds']:.2f}",
            _verdict(seen["races"]),
        )
        for name, seen in checks.items()
    ]
    return Table("race check of shipped programs", ("program", *COUNTED, "seconds", ""), rows)


def family_table(result: dict) -> Table:
    """A row for each dataflow and each kind of collective, from what `summary` gives."""
    rows = [
        (
            family,
            *(f"{result[f'{what}_{family}']:,}" for what in ("programs", *COUNTED)),
            _verdict(result[f"races_{family}"]),
        )
        for family in result["families"].split()
    ]
    return Table("", ("", "programs", *COUNTED, "races"), rows)


def _verdict(races: int) -> str:
    return f"{races} RACES" if races else "none"


def removal_table(removed: dict[str, dict]) -> Table:
    """A row for each kind of semaphore of each program that was studied."""
    rows = []
    for name, counts in removed.items():
        split: dict[str, Counter[str]] = {}
        for key, count in counts.items():
            what, _, outcome = key.rpartition(" ")
            split.setdefault(what, Counter())[outcome] += count
        rows += [
            (f"{name}: {what}", *(str(seen[outcome] or "") for outcome in OUTCOMES))
            for what, seen in split.items()
        ]
    return Table(
        "each wait, signal and bump left out, one at a time", ("", *OUTCOMES), rows, _legend()
    )


def outcome_table(result: dict) -> Table:
    """A row for each program that was studied, from what `summary` gives."""
    rows = [
        (name, *(str(result[f"{outcome}_{number}"]) for outcome in OUTCOMES))
        for number, name in enumerate(result["studied"].split("; "), 1)
    ]
    return Table("", ("program", *OUTCOMES), rows)


def _legend() -> str:
    return "; ".join(f"{name}: {text}" for name, text in OUTCOMES.items())


def messages(result: dict) -> list[tuple[str, str]]:
    """What was left out of which program, and what is said then; from what `summary` gives."""
    return [
        (
            f"{result[f'demonstration_{number}']}, without the {result[f'{kind}_{number}']}",
            result[f"{kind}_message_{number}"],
        )
        for number in range(1, result["demonstrations"] + 1)
        for kind in ("wait", "signal")
    ]


def removed(r: dict) -> str:
    """What became of everything that was left out, with what the outcomes mean."""
    legend = "\n".join(
        f"* {name}: {text}" for name, text in OUTCOMES.items() if name != "unexplained"
    )
    return f"{outcome_table(r).markdown()}\n\n{legend}"


def said(r: dict) -> str:
    """The first lines of each message."""
    blocks = []
    for title, message in messages(r):
        lines = message.splitlines()
        lines = lines[:_MOST_LINES] + ["..."] * (len(lines) > _MOST_LINES)
        text = "\n".join(textwrap.fill(line, 120, subsequent_indent="  ") for line in lines)
        blocks.append(f"{title}:\n\n```text\n{text}\n```")
    return "\n\n".join(blocks)
