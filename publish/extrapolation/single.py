"""What `make model` asks of one workload: our programs, or the papers' schedule and costs."""

from dataclasses import dataclass

from isa.errors import UserError
from model.paper.predict import predict_paper
from model.predict import Prediction, predict
from programs.common.ranking import parse_group
from programs.compiler import compile_workload, parse_workload
from programs.tensors import DTYPES, load_workload
from tb.campaign.trial import Trial

__all__ = ["PredictedPoint", "by_papers_costs", "by_programs"]


@dataclass(frozen=True)
class PredictedPoint:
    """A workload, how it is cut, and what the model says."""

    workload: str
    dataflow: str
    mapping: str
    useful_macs: int
    seen: Prediction


def by_programs(trial: Trial) -> PredictedPoint:
    """Compile as `make sim` does, and predict."""
    tensors, flow = trial.tensors(), trial.dataflow or None
    compiled = compile_workload(trial.machine, tensors.workload, flow, **trial.overrides)
    return PredictedPoint(
        tensors.name,
        compiled.dataflow,
        compiled.describe(),
        compiled.useful_macs,
        predict(compiled),
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
    spec, dataflow = trial.workload, trial.dataflow or None
    if ":" in spec:
        if trial.dtype not in DTYPES:
            raise UserError(f"DTYPE must be one of {', '.join(DTYPES)}, not {trial.dtype!r}")
        work = parse_workload(spec, DTYPES[trial.dtype])
    else:
        work = load_workload(spec, trial.dtype, 1).workload
    group = parse_group(trial.machine, trial.group) if trial.group else None
    seen = predict_paper(trial.machine, work, dataflow, group)
    said = dataflow or ("summa" if spec.startswith("gemm") else "flat-async")
    mapping = f"the papers' schedule and costs, group {trial.group or 'by its time'}"
    return PredictedPoint(spec, said, mapping, work.useful_macs, seen)
