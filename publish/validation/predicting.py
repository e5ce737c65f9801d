"""A run of a campaign in the timing model: cycles and shares, no bits."""

from dataclasses import asdict

from isa.errors import UserError
from model.interval import interval
from publish.extrapolation.single import by_papers_costs, by_programs
from tb.campaign.targets import TARGETS, Target, Targets
from tb.campaign.trial import Trial, host, refused
from tb.experiment import commit

__all__ = ["WITH_MODEL", "run_model"]


def run_model(trial: Trial) -> dict:
    """What the model says of the programs that the RTL would run; ``refused`` if they cannot be
    made. Stalls of the links are not modelled, and refused. With the papers' costs there is no
    interval.
    """
    machine, ours = trial.machine, trial.costs == "ours"
    try:
        trial.demand("model", stall=0, array="rtl")  # no random back-pressure, and no bits
        found = (by_programs if ours else by_papers_costs)(trial)
    except UserError as error:
        return refused(str(error))
    seen, within = found.seen, {}
    if ours:
        low, high, checked = interval(machine, found.seen)
        within = {"cycles_low": low, "cycles_high": high, "interval_checked": checked}
    return {
        "machine": machine.name,
        "mesh": f"{machine.mesh.columns}x{machine.mesh.rows}",
        "dataflow": found.dataflow,
        "mapping": found.mapping,
        **found.formats,
        "file_formats": found.file_formats,
        "matrix_utilization": found.useful_macs / (seen.cycles * machine.macs),
        **asdict(seen),
        **within,
        "commit": commit(),
        "status": "passed",
        "error": "",
        **host(),
    }


WITH_MODEL: Targets = {**TARGETS, "model": Target(run_model, seconds=1.0)}
"""Targets of `tb.campaign`, and the model."""
