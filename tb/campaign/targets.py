"""What a campaign can run things on. A target of another room is one more entry of this type."""

from collections.abc import Callable, Mapping
from typing import NamedTuple

from tb.campaign.on_golden import run_golden
from tb.campaign.rtl import build_rtl, run_rtl
from tb.campaign.trial import Trial

__all__ = ["TARGETS", "Target", "Targets"]


class Target(NamedTuple):
    """How a trial is run. What `run` gives is kept by the sources of the module that it is in, so
    each target has one of its own.
    """

    run: Callable[[Trial], dict]
    """Gives a flat row with ``status``, ``error`` and `tb.campaign.trial.host`."""
    build: Callable[[Trial], dict] | None = None
    """Makes what trials on the same hardware share, before any of them runs."""
    seconds: float | None = None
    """What a run usually takes; None: it depends on the machine and the workload."""


Targets = Mapping[str, Target]
TARGETS: Targets = {"rtl": Target(run_rtl, build_rtl), "golden": Target(run_golden, seconds=2.0)}
"""By the name in a spec."""
