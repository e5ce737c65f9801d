"""What `make model` asks of one workload: our programs, or the papers' schedule and costs."""

from dataclasses import dataclass, field

from isa.errors import UserError
from model.paper.mapping import groups_of, mapped
from model.paper.predict import fastest_group, predict_paper
from model.paper.summa import mapped_gemm
from model.predict import Prediction, predict
from programs.common.ranking import parse_group
from programs.compiler import compile_workload, parse_workload
from programs.gemm.workload import Gemm
from programs.tensors import DEFAULT, DTYPES, load_workload
from tb.campaign.trial import Trial

__all__ = ["PredictedPoint", "by_papers_costs", "by_programs"]


@dataclass(frozen=True)
class PredictedPoint:
    """A workload, how it is cut, and what the model says."""

    workload: str
    dtype: str
    file_formats: str
    """See `programs.tensors.Tensors`."""
    dataflow: str
    mapping: str
    useful_macs: int
    seen: Prediction
    formats: dict[str, str] = field(default_factory=dict)
    """`programs.tensors.Tensors.dtypes`, where tensors were drawn."""


def by_programs(trial: Trial) -> PredictedPoint:
    """Compile as `make sim` does, and predict."""
    tensors, flow = trial.tensors(), trial.dataflow or None
    compiled = compile_workload(trial.machine, tensors.workload, flow, **trial.overrides)
    return PredictedPoint(
        tensors.name,
        tensors.dtypes["dtype"],
        tensors.file_formats,
        compiled.dataflow,
        compiled.describe(),
        compiled.useful_macs,
        predict(compiled),
        tensors.dtypes,
    )


def by_papers_costs(trial: Trial) -> PredictedPoint:
    """Nothing is compiled, and no tensor drawn.

    Raises
    ------
    UserError
        If the papers have no such workload or mapping.
    """
    if trial.slice:
        raise UserError("SLICE: the papers' rule gives it: leave it empty with COSTS=paper")
    spec, dataflow, told = trial.workload, trial.dataflow or None, ""
    if ":" in spec:
        dtype = trial.dtype or DEFAULT
        if dtype not in DTYPES:
            raise UserError(f"DTYPE must be one of {', '.join(DTYPES)}, not {dtype!r}")
        work = parse_workload(spec, DTYPES[dtype])
    else:
        tensors = load_workload(spec, trial.dtype, 1)
        work, told = tensors.workload, tensors.file_formats
    machine, dtype = trial.machine, work.fmt.name.lower()
    if isinstance(work, Gemm):
        dataflow, seen = "summa", predict_paper(machine, work, dataflow)
        blocks, how = mapped_gemm(machine, work).blocks, "the mesh"
        cut = f"C in slices of {blocks.m} rows x {blocks.n} columns"
    else:
        dataflow = dataflow or "flat-async"
        if trial.group:
            group, how = parse_group(machine, trial.group), "as asked"
            seen = predict_paper(machine, work, dataflow, group)
        else:
            group, seen = fastest_group(machine, work, dataflow)
            tried = len(groups_of(machine, work, dataflow))
            how = f"the fastest of {tried}" if tried > 1 else "the only one"
        blocks = mapped(machine, work, dataflow, group).blocks
        cut = f"tile slice {blocks.m} rows x {blocks.n} keys"
    mapping = f"the papers' schedule: group {blocks.columns}x{blocks.rows} ({how}), {cut}"
    return PredictedPoint(spec, dtype, told, dataflow, mapping, work.useful_macs, seen)
