"""`make explore`: machines around MACHINE in the timing model, and which of them no other one beats
at its HBM bandwidth or its L1. What an earlier call has computed is not computed again.
"""

import sys
import time

from isa.errors import UserError
from isa.machine import load_machine
from isa.words import counted
from programs.compiler import parse_workload
from programs.tensors import DEFAULT, DTYPES
from publish.explore.axes import parse_vary, places
from publish.explore.report import show, write_sweep
from publish.explore.sweep import run_sweep
from publish.output import clear, progress_console, wide_console
from scripts.front import main
from scripts.options import machine_of, target_parser, workers_of
from tb.campaign.trial import Trial
from tb.runner import ROOT

BASE, MESH = "paper-2025", "8x8"
"""Without MACHINE: enough of that tile for points of a second."""
FOLDER = ROOT / "build" / "explore"


def run() -> int:
    """Compute all points, and show them."""
    options = target_parser("explore", __doc__).parse_args()
    dtype, started = options.dtype or DEFAULT, time.monotonic()
    machine = machine_of(options) if options.machine else load_machine(BASE, options.mesh or MESH)
    if dtype not in DTYPES:
        raise UserError(f"DTYPE must be one of {', '.join(DTYPES)}, not {dtype!r}")
    parse_workload(options.workload, DTYPES[dtype])
    axes = parse_vary(machine, options.vary)
    if options.group and "group" in axes:
        raise UserError("GROUP must be empty where VARY has group")
    asked = {name: getattr(options, name) for name in ("workload", "dataflow", "group", "slice")}
    trial, mesh = Trial(machine, dtype=dtype, **asked), machine.mesh
    where, workers = places(axes), workers_of(options)
    clear(FOLDER, "result.json", "report.html")
    fresh = options.resume == "0"
    sweep = run_sweep(trial, where, workers, progress_console(), fresh=fresh)
    title = f"{options.workload} on {machine.name} {mesh.columns}x{mesh.rows}, {options.vary}"
    show(wide_console(), title, sweep)
    if not sweep.points:
        return 1
    about = {"machine": machine.name, "mesh": f"{mesh.columns}x{mesh.rows}", "vary": options.vary}
    about |= {"dtype": dtype, **asked, "seconds": time.monotonic() - started}
    write_sweep(title, sweep, about, FOLDER)
    for what in ("report.html", "result.json"):
        print(f"{what}: {(FOLDER / what).relative_to(ROOT)}")
    if sweep.failed:
        print(f"flatmesh: {counted(len(sweep.failed), 'point')} failed", file=sys.stderr)
    return 1 if sweep.failed else 0


if __name__ == "__main__":
    main(run)
