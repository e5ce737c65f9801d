"""`make run`: a program text on the golden machine and on the RTL, compared bit by bit."""

import argparse
import sys
from pathlib import Path

from isa.errors import UserError
from isa.machine import Machine
from programs.text.listing import Listing
from programs.text.reader import read_listing
from publish.output import clear, progress_console, wide_console, write_result
from publish.program import ProgramRun
from scripts.front import main
from scripts.options import parser_of
from tb import toolchain
from tb.files import write_json
from tb.hardware import Design
from tb.run_program import State, run_on_golden, run_on_rtl
from tb.runner import ROOT
from verify.conformance.dut import design, read_dut

NAMES = ("PROGRAM", "MACHINE", "MESH", "TARGET", "DUT", "WAVES")
TARGETS = ("both", "golden", "rtl")


def run() -> int:
    """Read, run, compare, show."""
    parser = parser_of(__doc__, *NAMES, MACHINE="", TARGET=TARGETS[0])
    parser.add_argument("--out", default="run", help="folder under build for result.json")
    options = parser.parse_args()
    if not options.program:
        raise UserError("PROGRAM must name a program text, for example examples/put.s")
    if options.target not in TARGETS:
        raise UserError(f"TARGET must be one of {', '.join(TARGETS)}, not {options.target!r}")
    folder = ROOT / "build" / options.out
    waves = folder / "waves.vcd" if options.waves == "1" else None
    if waves and options.target == "golden":
        raise UserError("WAVES=1 needs the RTL: TARGET must be both or rtl, not golden")
    if options.dut and (waves or options.target == "golden"):
        raise UserError("DUT is run on the RTL without waves: leave WAVES and TARGET=golden out")
    listing = read_listing(Path(options.program), options.machine, options.mesh)
    clear(folder, "waves.vcd", "run.json", "result.json")
    outcome = ProgramRun(listing, _states(options, listing, waves))
    path = write_result(options.out, outcome.result())
    console = wide_console()
    outcome.show(console)
    if waves:
        if not outcome.last.failure:
            _note(options, listing, waves)
        vcd = waves.relative_to(ROOT)
        console.print(f"waveform of the run: {vcd} (make inspect VCD={vcd} looks into it)")
    console.print(f"result: {path.relative_to(ROOT)}")
    sys.stdout.flush()
    for problem in outcome.problems:
        print(f"flatmesh: {problem}", file=sys.stderr)
    return 1 if outcome.problems else 0


def _states(options: argparse.Namespace, listing: Listing, waves: Path | None) -> list[State]:
    """Run on the machines that were asked for, golden first."""
    if options.target == "golden":
        return [run_on_golden(listing)]
    toolchain.environment()  # says what is missing before anything takes time
    console = progress_console()
    with console.status("golden machine") as status:
        golden = run_on_golden(listing) if options.target == "both" else None
        status.update("RTL: building the mesh, if it is a new one, and booting")
        rtl = run_on_rtl(
            listing,
            golden,
            design=_design(options, listing.machine),
            waves=waves,
            progress=lambda cycle: status.update(f"RTL: cycle {cycle:,}"),
        )
    return [golden, rtl] if golden else [rtl]


def _design(options: argparse.Namespace, machine: Machine) -> Design | None:
    return design(read_dut(Path(options.dut), machine), machine) if options.dut else None


def _note(options: argparse.Namespace, listing: Listing, vcd: Path) -> None:
    """Say beside the VCD what was run: with it, an inspection knows what should be there."""
    mesh = listing.machine.mesh
    write_json(
        vcd.with_name("run.json"),
        {
            "program": str(listing.path.resolve()),
            "machine": options.machine,
            "mesh": f"{mesh.columns}x{mesh.rows}",
        },
    )


if __name__ == "__main__":
    main(run)
