"""`make model`: all points of the papers' machines, by the timing model, with a report; with
WORKLOAD, what it says of one workload on any machine.
"""

from dataclasses import asdict

from isa.errors import UserError
from model.interval import interval
from programs.tensors import converted
from publish.extrapolation.points import Grid32
from publish.extrapolation.report import write_grid
from publish.extrapolation.run import run as run_grid
from publish.extrapolation.single import by_papers_costs, by_programs
from publish.extrapolation.tables import claim_table
from publish.output import progress_console, show, wide_console, write_result
from scripts.front import main
from scripts.options import machine_of, positive, target_parser, workers_of
from scripts.targets import COMMON
from scripts.variables import VARIABLES
from tb.campaign.trial import Trial
from tb.runner import ROOT
from tb.waiting import ahead

CHECKED = {
    True: "from the errors of RTL runs on machines like it",
    False: "not checked: no RTL run on a machine like it, so twice as wide",
}
NO_INTERVAL = "no RTL runs by the papers' costs: nothing shows how far off they are"
FEW, SECONDS = 256, 20.0
"""Tiles that take no time worth a word, and what more of them usually take."""


def run() -> int:
    """One workload if there is one, or else the grid."""
    options = target_parser("model", __doc__).parse_args()
    return _one(options) if options.workload else _all(options)


def _all(options) -> int:
    """Compute what is not kept, and write the report."""
    for variable in (VARIABLES[name] for name in (*COMMON, "COSTS") if name != "WORKLOAD"):
        if getattr(options, variable.attribute) != variable.default:
            raise UserError(f"{variable.name} is for one workload: give WORKLOAD as well")
    result = run_grid(workers_of(options), progress_console())
    path = write_grid(result)
    claim_table(Grid32(result)).show(wide_console())
    print(f"report: {path.relative_to(ROOT)}\nresult: build/model/result.json")
    return 0


def _one(options) -> int:
    """Compile as `make sim` does, and predict; with COSTS=paper by the papers' own schedule."""
    machine, seed = machine_of(options), positive("SEED", options.seed)
    names = ("workload", "dataflow", "dtype", "ptype", "otype", "group", "slice")
    trial = Trial(machine, seed=seed, **{name: getattr(options, name) for name in names})
    ours, mesh = options.costs == "ours", machine.mesh
    if ours and mesh.tiles > FEW:
        ahead(f"programs of {mesh.tiles:,} tiles, and their cycles", SECONDS)
    found = (by_programs if ours else by_papers_costs)(trial)
    seen = found.seen
    utilization = found.useful_macs / (seen.cycles * machine.macs)
    range_ = interval(machine, seen) if ours else None
    result = {
        "machine": machine.name,
        "mesh": f"{mesh.columns}x{mesh.rows}",
        "workload": found.workload,
        "dtype": found.dtype,
        "file_formats": found.file_formats,
        "dataflow": found.dataflow,
        "mapping": found.mapping,
        "matrix_utilization": utilization,
        **asdict(seen),
        "cycles_low": range_.low if range_ else None,
        "cycles_high": range_.high if range_ else None,
        "checked": range_.checked if range_ else False,
    }
    path = write_result("model", result)
    lines = [
        ("cycles", f"{seen.cycles:,}", f"{seen.cycles / machine.clock_ghz / 1000:,.1f} us"),
        ("matrix utilisation", f"{utilization:.1%}", "useful MACs / (cycles x MACs)"),
        ("matrix engine active", f"{seen.matrix_active:.1%}", "of all tiles' cycles"),
        ("vector engine busy", f"{seen.vector_busy:.1%}", "of all tiles' cycles"),
        ("HBM bytes", f"{seen.hbm_read_bytes + seen.hbm_write_bytes:,}", "read and written"),
        ("HBM bandwidth", f"{seen.hbm_bandwidth_utilization:.1%}", "of all channels'"),
        ("seconds", f"{seen.seconds:.2f}", f"{seen.events:,} events"),
        ("mapping", "", found.mapping),
    ]
    limits = f"{range_.low:,} .. {range_.high:,}" if range_ else "none"
    lines.insert(1, ("90 % interval", limits, CHECKED[range_.checked] if range_ else NO_INTERVAL))
    if said := converted(found.file_formats, found.dtype):
        lines.append(("inputs", found.dtype, said))
    title = f"{found.workload} ({found.dtype}) on {machine.name} {result['mesh']}"
    show(wide_console(), f"{title}, {found.dataflow}, predicted", lines)
    print(f"written: {path.relative_to(ROOT)}")
    return 0


if __name__ == "__main__":
    main(run)
