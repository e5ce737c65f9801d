"""`make model`: what the timing model says of a workload on any machine, without the RTL."""

from dataclasses import asdict, dataclass

from isa.errors import UserError
from model.paper.predict import predict_paper
from model.predict import Prediction, predict
from programs.common.ranking import parse_group
from programs.compiler import compile_workload, parse_workload
from programs.tensors import DTYPES, load_workload
from publish.output import show, wide_console, write_result
from scripts.front import main
from scripts.options import machine_of, overrides, positive, target_parser
from tb.runner import ROOT


@dataclass(frozen=True)
class _Predicted:
    workload: str
    dataflow: str
    mapping: str
    useful_macs: int
    seen: Prediction


def _ours(options, machine) -> _Predicted:
    seed = positive("SEED", options.seed)
    tensors = load_workload(options.workload, options.dtype, seed, options.ptype, options.otype)
    compiled = compile_workload(
        machine, tensors.workload, options.dataflow or None, **overrides(options)
    )
    return _Predicted(
        tensors.name,
        compiled.dataflow,
        compiled.describe(),
        compiled.useful_macs,
        predict(compiled),
    )


def _papers(options, machine) -> _Predicted:
    """Nothing is compiled, and no tensor drawn."""
    if options.slice:
        raise UserError("SLICE: the papers' rule gives it: leave it empty with COSTS=paper")
    spec, dataflow = options.workload, options.dataflow or None
    if ":" in spec:
        if options.dtype not in DTYPES:
            raise UserError(f"DTYPE must be one of {', '.join(DTYPES)}, not {options.dtype!r}")
        work = parse_workload(spec, DTYPES[options.dtype])
    else:
        work = load_workload(spec, options.dtype, 1).workload
    group = parse_group(machine, options.group) if options.group else None
    seen = predict_paper(machine, work, dataflow, group)
    said = dataflow or ("summa" if spec.startswith("gemm") else "flat-async")
    mapping = f"the papers' schedule and costs, group {options.group or 'by its time'}"
    return _Predicted(spec, said, mapping, work.useful_macs, seen)


def run() -> int:
    """Compile as `make sim` does, and predict; with COSTS=paper by the papers' own schedule."""
    options = target_parser("model", __doc__).parse_args()
    machine = machine_of(options)
    found = (_papers if options.costs == "paper" else _ours)(options, machine)
    seen = found.seen
    utilization = found.useful_macs / (seen.cycles * machine.macs)
    result = {
        "machine": machine.name,
        "mesh": f"{machine.mesh.columns}x{machine.mesh.rows}",
        "workload": found.workload,
        "dataflow": found.dataflow,
        "mapping": found.mapping,
        "matrix_utilization": utilization,
        **asdict(seen),
    }
    path = write_result("model", result)
    show(
        wide_console(),
        f"{found.workload} on {machine.name} {result['mesh']}, {found.dataflow}, predicted",
        [
            ("cycles", f"{seen.cycles:,}", f"{seen.cycles / machine.clock_ghz / 1000:,.1f} us"),
            ("matrix utilisation", f"{utilization:.1%}", "useful MACs / (cycles x MACs)"),
            ("matrix engine active", f"{seen.matrix_active:.1%}", "of all tiles' cycles"),
            ("vector engine busy", f"{seen.vector_busy:.1%}", "of all tiles' cycles"),
            ("HBM bytes", f"{seen.hbm_read_bytes + seen.hbm_write_bytes:,}", "read and written"),
            ("HBM bandwidth", f"{seen.hbm_bandwidth_utilization:.1%}", "of all channels'"),
            ("seconds", f"{seen.seconds:.2f}", f"{seen.events:,} events"),
            ("mapping", "", found.mapping),
        ],
    )
    print(f"written: {path.relative_to(ROOT)}")
    return 0


if __name__ == "__main__":
    main(run)
