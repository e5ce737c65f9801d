"""`make model`: all points of the papers' machines, by the timing model, with a report; with
WORKLOAD, what it says of one workload on any machine.
"""

from dataclasses import asdict

from rich.console import Console

from isa.errors import UserError
from model.interval import Interval, interval
from model.predict import predict
from programs.compiler import compile_workload
from programs.tensors import load_workload
from publish.extrapolation.points import Grid32
from publish.extrapolation.report import write_grid
from publish.extrapolation.run import run as run_grid
from publish.extrapolation.tables import claim_table
from publish.output import show, wide_console, write_result
from scripts.front import main
from scripts.options import machine_of, overrides, positive, target_parser, workers_of
from scripts.targets import COMMON
from scripts.variables import VARIABLES
from tb.runner import ROOT


def run() -> int:
    """One workload if there is one, or else the grid."""
    options = target_parser("model", __doc__).parse_args()
    return _one(options) if options.workload else _all(options)


def _all(options) -> int:
    """Compute what is not kept, and write the report."""
    for variable in (VARIABLES[name] for name in COMMON if name != "WORKLOAD"):
        if getattr(options, variable.attribute) != variable.default:
            raise UserError(f"{variable.name} is for one workload: give WORKLOAD as well")
    result = run_grid(workers_of(options), Console(stderr=True))
    path = write_grid(result)
    claim_table(Grid32(result)).show(wide_console())
    print(f"report: {path.relative_to(ROOT)}\nresult: build/model/result.json")
    return 0


def _one(options) -> int:
    """Compile as `make sim` does, and predict."""
    machine, seed = machine_of(options), positive("SEED", options.seed)
    tensors = load_workload(options.workload, options.dtype, seed, options.ptype, options.otype)
    compiled = compile_workload(
        machine, tensors.workload, options.dataflow or None, **overrides(options)
    )
    seen = predict(compiled)
    range_ = interval(machine, seen)
    utilization = compiled.useful_macs / (seen.cycles * machine.macs)
    result = {
        "machine": machine.name,
        "mesh": f"{machine.mesh.columns}x{machine.mesh.rows}",
        "workload": tensors.name,
        "dataflow": compiled.dataflow,
        "mapping": compiled.describe(),
        "matrix_utilization": utilization,
        **asdict(seen),
        "cycles_low": range_.low,
        "cycles_high": range_.high,
        "checked": range_.checked,
    }
    path = write_result("model", result)
    show(
        wide_console(),
        f"{tensors.name} on {machine.name} {result['mesh']}, {compiled.dataflow}, predicted",
        [
            ("cycles", f"{seen.cycles:,}", f"{seen.cycles / machine.clock_ghz / 1000:,.1f} us"),
            ("90 % interval", f"{range_.low:,} .. {range_.high:,}", _checked(range_)),
            ("matrix utilisation", f"{utilization:.1%}", "useful MACs / (cycles x MACs)"),
            ("matrix engine active", f"{seen.matrix_active:.1%}", "of all tiles' cycles"),
            ("vector engine busy", f"{seen.vector_busy:.1%}", "of all tiles' cycles"),
            ("HBM bytes", f"{seen.hbm_read_bytes + seen.hbm_write_bytes:,}", "read and written"),
            ("HBM bandwidth", f"{seen.hbm_bandwidth_utilization:.1%}", "of all channels'"),
            ("seconds", f"{seen.seconds:.2f}", f"{seen.events:,} events"),
            ("mapping", "", compiled.describe()),
        ],
    )
    print(f"written: {path.relative_to(ROOT)}")
    return 0


def _checked(range_: Interval) -> str:
    """The mark of a machine that no RTL run is like."""
    if range_.checked:
        return "by residuals of RTL runs on such machines"
    return "NOT CHECKED on such a machine: twice the interval"


if __name__ == "__main__":
    main(run)
