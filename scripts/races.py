"""`make races`: no shipped program has a data race, and what is said when a wait or a signal is
left out.
"""

import argparse
import os
import sys
import time
from collections import Counter

from rich.console import Console

from publish.output import Table, write_result
from scripts.options import main, positive
from tb.runner import ROOT
from tb.tasks import Task, run_tasks
from verify.races.catalogue import shipped
from verify.races.study import DEMONSTRATIONS, OUTCOMES, STUDIED, check_shipped, demonstrate, study

__all__ = ["run"]

COUNTED = ("instructions", "accesses", "transfers")


def run() -> int:
    """Check everything, and say which of it is not as it should be."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.ArgumentDefaultsHelpFormatter
    )
    parser.add_argument(
        "--jobs",
        default=os.environ.get("JOBS") or str(os.cpu_count() or 1),
        help="processes (JOBS)",
    )
    jobs = positive("JOBS", parser.parse_args().jobs, least=1)
    started, programs = time.monotonic(), {str(program): program for program in shipped()}
    # The long ones first.
    tasks = [
        Task(f"without each signal: {program}", study, {"program": program}) for program in STUDIED
    ]
    tasks += [
        Task(f"without a signal: {d.program}", demonstrate, {"demonstration": d})
        for d in DEMONSTRATIONS
    ]
    tasks += [Task(name, check_shipped, {"program": program}) for name, program in programs.items()]
    found = run_tasks(tasks, jobs, Console(stderr=True))
    checks = {name: found[name] for name in programs}
    removed = {str(program): found[f"without each signal: {program}"] for program in STUDIED}
    said = {str(d.program): found[f"without a signal: {d.program}"] for d in DEMONSTRATIONS}
    families = {name: program.family for name, program in programs.items()}

    result = summary(checks, families, removed, said) | {"seconds": time.monotonic() - started}
    path = write_result("races", result)
    console = Console()
    if not console.is_terminal:
        console.width = 160
    program_table(checks).show(console)
    removal_table(removed).show(console)
    for title, message in messages(result):
        console.print(f"\n[bold]{title}[/]\n{message}", highlight=False)
    print(
        f"\n{result['programs']} programs, {result['races']} races; of {result['removed']} waits and signals left out, "
        f"{result['found']} are found, {result['harmless']} are harmless, {result['unexplained']} nobody can explain"
    )
    print(f"result: {path.relative_to(ROOT)}")
    for name, seen in checks.items():
        if seen["races"]:
            print(f"flatmesh: {name}: {seen['first']}", file=sys.stderr)
    return 1 if result["races"] or result["unexplained"] else 0


def summary(
    checks: dict[str, dict],
    families: dict[str, str],
    removed: dict[str, dict],
    said: dict[str, dict],
) -> dict:
    """One flat object: what was checked, all in all and by family, and what became of what was left
    out.

    Parameters
    ----------
    checks, families
        What `check_shipped` gives, and the row of the table, by program.
    removed, said
        What `study` and `demonstrate` give, by program.
    """
    outcomes = Counter({outcome: 0 for outcome in OUTCOMES})
    for counts in removed.values():
        outcomes += _by_outcome(counts)
    result: dict = {
        "programs": len(checks),
        "races": sum(seen["races"] for seen in checks.values()),
        "removed": sum(outcomes.values()),
        "found": outcomes["race"] + outcomes["hang"],
        "harmless": sum(
            outcomes[name] for name in OUTCOMES if name not in ("race", "hang", "unexplained")
        ),
        "unexplained": outcomes["unexplained"],
        "families": " ".join(dict.fromkeys(families.values())),
        "studied": "; ".join(removed),
    }
    for family in dict.fromkeys(families.values()):
        mine = [seen for name, seen in checks.items() if families[name] == family]
        result[f"programs_{family}"] = len(mine)
        for what in (*COUNTED, "races"):
            result[f"{what}_{family}"] = sum(seen[what] for seen in mine)
    for number, counts in enumerate(removed.values(), 1):
        result |= {f"{outcome}_{number}": _by_outcome(counts)[outcome] for outcome in OUTCOMES}
    for number, (name, words) in enumerate(said.items(), 1):
        result[f"demonstration_{number}"] = name
        result |= {
            f"{key}_{number}": value for key, value in words.items() if not key.endswith("_outcome")
        }
    result["demonstrations"] = len(said)
    return result


def _by_outcome(counts: dict[str, int]) -> Counter[str]:
    found: Counter[str] = Counter()
    for key, count in counts.items():
        found[key.rpartition(" ")[2]] += count
    return found


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


if __name__ == "__main__":
    main(run)
