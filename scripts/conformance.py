"""`make conformance`: the golden-model matrix on the RTL, on the golden machine alone, or on a tile
or mesh of your own.
"""

import argparse
import os
import shlex
import sys
import time
from pathlib import Path

from rich.console import Console

from isa.errors import UserError
from isa.machine import Machine, load_machine
from publish.conformance import Findings, tables, write_reports
from publish.output import write_result
from scripts.options import main, positive
from tb import toolchain
from tb.experiment import commit
from tb.runner import ROOT
from tb.tasks import Task, run_tasks
from verify.conformance.cases import SETS, ConformanceCase, cases, machine_of
from verify.conformance.coverage import count, declared
from verify.conformance.dut import Dut, read_dut
from verify.conformance.tasks import build, run_case
from verify.mutants.hunt import MESH as MUTANT_MESH
from verify.mutants.hunt import chosen, hunt

__all__ = ["run"]

TARGETS = ("rtl", "golden")
FOLDER = ROOT / "build" / "conformance"
WIDTH = 160


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.ArgumentDefaultsHelpFormatter
    )

    def add(name: str, otherwise: str, text: str) -> None:
        parser.add_argument(
            f"--{name}",
            default=os.environ.get(name.upper()) or otherwise,
            help=f"{text} ({name.upper()})",
        )

    add("set", SETS[0], " or ".join(SETS))
    add("case", "", "only this case")
    add("target", TARGETS[0], " or ".join(TARGETS))
    add("dut", "", "Verilog file with a module tile or mesh that takes the place of ours")
    add("machine", "tiny", "machine whose tile and HBM the cases take")
    add("mesh", "", "COLUMNSxROWS: all cases on this mesh")
    add("seed", "1", "seed of everything that is drawn")
    add("jobs", "2", "processes")
    add("resume", "1", "0: run again what is there from before")
    add("mutations", "1", "0: leave the mutation check out")
    add("mutant", "", "only this mutation, by number or name")
    return parser.parse_args()


def run() -> int:
    """Run the cases, then the mutations, and write the reports."""
    started = time.monotonic()
    options = _options()
    jobs, seed = positive("JOBS", options.jobs, least=1), positive("SEED", options.seed)
    if options.target not in TARGETS:
        raise UserError(f"TARGET must be {' or '.join(TARGETS)}, not {options.target!r}")
    if options.set not in SETS:
        raise UserError(f"SET must be {' or '.join(SETS)}, not {options.set!r}")
    if options.dut and options.target == "golden":
        raise UserError("DUT: a design is run on the RTL, leave TARGET=golden out")
    numbers = chosen(options.mutant)
    base = load_machine(options.machine)
    if options.target == "rtl":
        toolchain.environment()
    mesh = options.mesh or ("2x2" if options.dut else "")
    own = not mesh
    wanted = _wanted(options, seed, mesh)
    dut = (
        read_dut(Path(options.dut), machine_of(wanted[0], base, own_channels=own))
        if options.dut
        else None
    )
    console = Console(stderr=True)
    keep = FOLDER / "kept" if options.resume != "0" and not options.case else None

    found = Findings(wanted, command=_command(options))
    if not options.mutant:
        found.outcomes = _run_cases(wanted, base, own, dut, options.target, jobs, console, keep)
        found.bins = count((outcome["bins"] for outcome in found.outcomes.values()), declared(base))
    if not (options.dut or options.case or options.target == "golden" or options.mutations == "0"):
        on = options.mesh or MUTANT_MESH
        mutant_cases = [case for case in cases("default", seed, options.mesh) if case.mesh == on]
        found.catches, found.clean = hunt(numbers, mutant_cases, base, own, jobs, console, keep)
    result = found.result() | {
        "set": options.set,
        "target": options.target,
        "dut": options.dut,
        "machine": base.name,
        "mesh": mesh,
        "seed": seed,
        "commit": commit(),
        "seconds": time.monotonic() - started,
    }
    _show(found, result, single=bool(options.case))
    if not (options.case or options.mutant):
        write_reports(FOLDER, found, result)
        path = write_result("conformance", result)
        print(
            f"result: {path.relative_to(ROOT)}, report: {path.with_name('report.html').relative_to(ROOT)} and report.md"
        )
    return 1 if found.failed or found.missed else 0


def _wanted(options: argparse.Namespace, seed: int, mesh: str) -> list[ConformanceCase]:
    """The cases of the set, or the one that the user names, which may be of any set."""
    if not options.case:
        return cases(options.set, seed, mesh)
    for which in SETS:
        if one := [case for case in cases(which, seed, mesh) if case.name == options.case]:
            return one
    raise UserError(
        f"CASE {options.case!r}: no set has a case of this name with SEED={seed}; names are in report.md"
    )


def _run_cases(
    wanted: list[ConformanceCase],
    base: Machine,
    own: bool,
    dut: Dut | None,
    target: str,
    jobs: int,
    console: Console,
    keep: Path | None,
) -> dict[str, dict]:
    shared = {"base": base, "own_channels": own, "dut": dut}
    tasks = [
        Task(case.name, run_case, {"case": case, "target": target, **shared}) for case in wanted
    ]
    if target == "rtl":
        first = {case.mesh: case for case in wanted}
        builds = [
            Task(f"build of {mesh}", build, {"case": case, **shared})
            for mesh, case in first.items()
        ]
        run_tasks(builds, jobs, console)
    return run_tasks(
        tasks,
        jobs,
        console,
        keep=keep,
        worth=lambda outcome: outcome["passed"] or outcome["skipped"],
    )


def _command(options: argparse.Namespace) -> str:
    """What repeats a case, but for its name."""
    kept = (("dut", ""), ("mesh", ""), ("machine", "tiny"), ("seed", "1"), ("target", TARGETS[0]))
    given = "".join(
        f" {name.upper()}={shlex.quote(value)}"
        for name, otherwise in kept
        if (value := getattr(options, name)) != otherwise
    )
    return f"make conformance{given}"


def _show(found: Findings, result: dict, *, single: bool) -> None:
    console = Console()
    console = console if console.is_terminal else Console(width=WIDTH)
    for table in tables(found, result, short=True):
        table.show(console)
    if single:
        for name, outcome in found.outcomes.items():
            print(
                f"{name}: {'passed' if outcome['passed'] else outcome['how']}, {outcome['cycles']} cycles"
            )
    for name, outcome in found.failed.items():
        print(
            f"flatmesh: case {name} failed: {outcome['how']}: {outcome['detail']}", file=sys.stderr
        )
        print(f"repeat with: {found.command} CASE={name}", file=sys.stderr)
    for catch in found.missed:
        print(f"flatmesh: mutation {catch.number} ({catch.name}) was not caught", file=sys.stderr)
        print(f"repeat with: {found.command} MUTANT={catch.number}", file=sys.stderr)


if __name__ == "__main__":
    main(run)
