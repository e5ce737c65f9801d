"""`make conformance`: the golden-model matrix on the RTL, on the golden machine alone, or on a tile
or mesh of your own.
"""

import argparse
import shlex
import time
from pathlib import Path

from isa.errors import UserError
from isa.machine import load_machine
from publish.conformance import Findings, show, write_reports
from publish.output import progress_console, write_result
from scripts import targets
from scripts.front import main
from scripts.options import positive, target_parser, workers_of
from tb import toolchain
from tb.experiment import commit
from tb.runner import ROOT
from verify.conformance.campaign import Campaign, wanted
from verify.conformance.cases import SETS, cases, machine_of
from verify.conformance.coverage import count, declared
from verify.conformance.dut import read_dut
from verify.mutants.hunt import MESH, Hunt, chosen

__all__ = ["run"]

READS = targets.TARGETS["conformance"]
TARGETS = ("rtl", "golden")
FOLDER = ROOT / "build" / "conformance"


def run() -> int:
    """Run the cases, then the mutations, and write the reports."""
    started = time.monotonic()
    options = target_parser("conformance", __doc__).parse_args()
    workers, seed = workers_of(options), positive("SEED", options.seed)
    _check(options)
    numbers = chosen(options.mutant)
    base = load_machine(options.machine)
    if options.target == "rtl":
        toolchain.environment()
    mesh = options.mesh or ("2x2" if options.dut else "")
    own, console = not mesh, progress_console()
    found = Findings(wanted(options.set, options.case, seed, mesh), command=_command(options))
    first = machine_of(found.cases[0], base, own_channels=own)
    dut = read_dut(Path(options.dut), first) if options.dut else None
    keep = FOLDER / "kept" if options.resume != "0" and not options.case else None
    if not options.mutant:
        campaign = Campaign(base, own, dut, options.target, workers, keep)
        found.outcomes = campaign.run(found.cases, console)
        found.bins = count((outcome["bins"] for outcome in found.outcomes.values()), declared(base))
    if not (options.dut or options.case or options.target == "golden" or options.mutations == "0"):
        on = options.mesh or MESH
        some = [case for case in cases("default", seed, options.mesh) if case.mesh == on]
        found.catches, found.clean = Hunt(base, own, workers, keep).run(numbers, some, console)
    told = {name: getattr(options, name) for name in ("set", "target", "dut")}
    told |= {"machine": base.name, "mesh": mesh, "seed": seed, "commit": commit()}
    result = found.result() | told | {"seconds": time.monotonic() - started}
    show(found, result)
    for name, seen in found.outcomes.items() if options.case else ():
        print(f"{name}: {'passed' if seen['passed'] else seen['how']}, {seen['cycles']} cycles")
    if not (options.case or options.mutant):
        write_reports(FOLDER, found, result)
        path = write_result("conformance", result).relative_to(ROOT)
        print(f"result: {path}, report: {path.with_name('report.html')} and report.md")
    return 1 if found.failed or found.missed else 0


def _check(options: argparse.Namespace) -> None:
    if options.target not in TARGETS:
        raise UserError(f"TARGET must be {' or '.join(TARGETS)}, not {options.target!r}")
    if options.set not in SETS:
        raise UserError(f"SET must be {' or '.join(SETS)}, not {options.set!r}")
    if options.dut and options.target == "golden":
        raise UserError("DUT: a design is run on the RTL, leave TARGET=golden out")


def _command(options: argparse.Namespace) -> str:
    """What repeats a case, but for its name."""
    kept = (
        ("dut", ""),
        ("mesh", ""),
        ("machine", READS.defaults["MACHINE"]),
        ("seed", "1"),
        ("target", TARGETS[0]),
    )
    given = "".join(
        f" {name.upper()}={shlex.quote(value)}"
        for name, otherwise in kept
        if (value := getattr(options, name)) != otherwise
    )
    return f"make conformance{given}"


if __name__ == "__main__":
    main(run)
