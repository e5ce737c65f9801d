"""All shipped programs checked, and listed ones with everything left out that could be."""

from collections import Counter
from typing import NamedTuple

from rich.console import Console

from tb.tasks import Task, Workers, run_tasks
from verify.races.catalogue import shipped
from verify.races.study import DEMONSTRATIONS, OUTCOMES, STUDIED, check_shipped, demonstrate, study

__all__ = ["COUNTED", "Survey", "summary", "survey"]

COUNTED = ("instructions", "accesses", "transfers")


class Survey(NamedTuple):
    """What was found, by program."""

    checks: dict[str, dict]
    """What `check_shipped` gives."""
    families: dict[str, str]
    """The row of the table."""
    removed: dict[str, dict]
    """What `study` gives."""
    said: dict[str, dict]
    """What `demonstrate` gives."""


def survey(workers: Workers, console: Console) -> Survey:
    """Check everything."""
    programs = {str(program): program for program in shipped()}
    # The long ones first.
    tasks = [
        Task(f"without each signal: {program}", study, {"program": program}) for program in STUDIED
    ]
    tasks += [
        Task(f"without a signal: {d.program}", demonstrate, {"demonstration": d})
        for d in DEMONSTRATIONS
    ]
    tasks += [Task(name, check_shipped, {"program": program}) for name, program in programs.items()]
    found = run_tasks(tasks, workers, console)
    return Survey(
        {name: found[name] for name in programs},
        {name: program.family for name, program in programs.items()},
        {str(program): found[f"without each signal: {program}"] for program in STUDIED},
        {str(d.program): found[f"without a signal: {d.program}"] for d in DEMONSTRATIONS},
    )


def summary(found: Survey) -> dict:
    """One flat object: what was checked, all in all and by family, and what became of what was left
    out.
    """
    checks, families, removed, said = found
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
