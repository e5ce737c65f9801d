"""`make run`: a program text on the golden machine and on the RTL, compared bit by bit."""

import argparse
import os
import sys
from pathlib import Path

from rich.console import Console

from isa.errors import UserError
from programs.text.listing import Listing
from programs.text.reader import read_listing
from publish.output import clear, wide_console, write_json, write_result
from publish.program import Outcome
from scripts.options import main
from tb import toolchain
from tb.run_program import State, run_on_golden, run_on_rtl
from tb.runner import ROOT

TARGETS = ("both", "golden", "rtl")


def run() -> int:
    """Read, run, compare, show."""
    options = _options()
    if not options.program:
        raise UserError("PROGRAM must name a program text, for example examples/put.s")
    if options.target not in TARGETS:
        raise UserError(f"TARGET must be one of {', '.join(TARGETS)}, not {options.target!r}")
    listing = read_listing(Path(options.program), options.machine, options.mesh)
    outcome = Outcome(listing, _states(options, listing))
    path = write_result(options.out, outcome.result())
    console = wide_console()
    outcome.show(console)
    for problem in outcome.problems:
        print(f"flatmesh: {problem}", file=sys.stderr)
    console.print(f"result: {path.relative_to(ROOT)}")
    return 1 if outcome.problems else 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.ArgumentDefaultsHelpFormatter
    )
    env, add = os.environ.get, parser.add_argument
    add("--program", default=env("PROGRAM") or "", help="the text (PROGRAM)")
    add("--machine", default=env("MACHINE") or "", help="instead of the text's .machine (MACHINE)")
    add("--mesh", default=env("MESH") or "", help="instead of the text's .mesh (MESH)")
    add("--target", default=env("TARGET") or "both", help=f"{', '.join(TARGETS)} (TARGET)")
    add("--waves", default=env("WAVES") or "0", choices=["0", "1"], help="1: write a VCD (WAVES)")
    add("--out", default="run", help="folder under build for result.json")
    return parser.parse_args()


def _states(options: argparse.Namespace, listing: Listing) -> list[State]:
    """Run on the machines that were asked for, golden first."""
    if options.target == "golden":
        return [run_on_golden(listing)]
    toolchain.environment()  # says what is missing before anything takes time
    console = Console(stderr=True)
    with console.status("golden machine") as status:
        golden = run_on_golden(listing) if options.target == "both" else None
        status.update("RTL: building the mesh, if it is a new one, and booting")
        rtl = run_on_rtl(
            listing,
            golden,
            waves=_waves(options, listing),
            progress=lambda cycle: status.update(f"RTL: cycle {cycle:,}"),
        )
    return [golden, rtl] if golden else [rtl]


def _waves(options: argparse.Namespace, listing: Listing) -> Path | None:
    """The VCD to write, with a note beside it that says what is run."""
    if options.waves != "1":
        return None
    folder = ROOT / "build" / options.out
    clear(folder, "waves.vcd", "run.json")
    mesh = listing.machine.mesh
    note = {
        "program": str(listing.path.resolve()),
        "machine": options.machine,
        "mesh": f"{mesh.columns}x{mesh.rows}",
    }
    write_json(folder / "run.json", note)
    return folder / "waves.vcd"


if __name__ == "__main__":
    main(run)
