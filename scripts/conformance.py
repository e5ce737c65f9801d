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
from verify.conformance.cycles import DUT_MESH, committed
from verify.conformance.dut import read_dut
from verify.mutants.hunt import MESHES, Hunt, chosen

__all__ = ["run"]

READS = targets.TARGETS["conformance"]
TARGETS = ("rtl", "golden")
FOLDER = ROOT / "build" / "conformance"


def run() -> int:
    """Run the cases, then the mutations, and write the reports."""
    started = time.monotonic()
    options = target_parser("conformance", __doc__).parse_args()
    seed = positive("SEED", options.seed)
    _check(options)
    numbers, base = chosen(options.mutant), load_machine(options.machine)
    if options.target == "rtl":
        toolchain.environment()
    mesh = options.mesh or (DUT_MESH if options.dut else "")
    own, console, workers = not mesh, progress_console(), workers_of(options)
    ours, foreign = committed(base, mesh, seed), bool(options.dut)
    chosen_cases = wanted(options.set, options.case, seed, mesh)
    found = Findings(chosen_cases, _command(options), ours=ours, foreign=foreign)
    first = machine_of(found.cases[0], base, own_channels=own)
    dut = read_dut(Path(options.dut), first) if options.dut else None
    keep = FOLDER / "kept" if options.resume != "0" and not options.case else None
    hunt, hunted, beside = Hunt(base, own, workers, keep), [], []
    if not (options.dut or options.case or options.target == "golden" or options.mutations == "0"):
        every = cases("default", seed, options.mesh)
        hunted = [case for case in every if options.mesh or case.mesh in MESHES]
        beside = [hunt.build(hunted)]
    if not options.mutant:
        campaign = Campaign(base, own, dut, options.target, workers, keep)
        found.outcomes = campaign.run(found.cases, console, beside)
        bins = (outcome["bins"] for outcome in found.outcomes.values())
        found.bins = {} if options.case else count(bins, declared(base))
    if hunted:
        found.catches, found.clean = hunt.run(numbers, hunted, console)
    told = {"set": options.set, "target": options.target, "dut": options.dut, "mesh": mesh}
    told |= {"machine": base.name, "seed": seed, "commit": commit()}
    result = found.result() | told | {"seconds": time.monotonic() - started}
    show(found, result)
    for name, seen in found.outcomes.items() if options.case else ():
        cycles = f", {seen['cycles']:,} cycles" * (options.target == "rtl")
        print(f"{name}: {'passed' if seen['passed'] else seen['how']}{cycles}")
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
    if options.mutant and (options.target == "golden" or options.dut):
        raise UserError("MUTANT: faults are put into our RTL, leave TARGET=golden and DUT out")


def _command(options: argparse.Namespace) -> str:
    """What repeats a case, but for its name."""
    usual = {"dut": "", "mesh": "", "machine": READS.defaults["MACHINE"], "seed": "1"}
    given = [
        f"{name.upper()}={shlex.quote(getattr(options, name))}"
        for name, otherwise in (usual | {"target": TARGETS[0]}).items()
        if getattr(options, name) != otherwise
    ]
    return " ".join(["make conformance", *given])


if __name__ == "__main__":
    main(run)
