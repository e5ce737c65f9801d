"""One run of a campaign: what it depends on, and what its row says whatever ran it."""

import os
import platform
from dataclasses import asdict, dataclass
from pathlib import Path

from isa.errors import UserError
from isa.machine import Machine
from programs.common.ranking import parse_slice
from programs.tensors import Tensors, load_workload
from tb.accuracy import Accuracy
from tb.experiment import commit
from tb.mesh import Settings

__all__ = [
    "COSTS",
    "MOST_STALL",
    "Trial",
    "back_pressure",
    "host",
    "overrides",
    "refused",
    "verdict",
]

MOST_STALL = 94
"""Per cent of cycles in which a link may refuse flits: with more, a run takes for ever."""

COSTS = ("ours", "paper")
"""What a model predicts: our programs, or the papers' schedule with their costs."""


@dataclass(frozen=True)
class Trial:
    """A workload on a machine, and what was fixed of it; empty is by rule, as in `make sim`."""

    machine: Machine
    workload: str
    dataflow: str = ""
    dtype: str = "fp16"
    ptype: str = ""
    otype: str = ""
    group: str = ""
    slice: str = ""
    seed: int = 1
    stall: int = 0
    """Per cent."""
    array: str = "rtl"
    """One of `tb.hardware.ARRAYS`."""
    costs: str = "ours"
    """One of `COSTS`."""

    @property
    def settings(self) -> Settings:
        """Conditions of its run on the RTL."""
        return back_pressure(self.stall, self.seed, array=self.array)

    @property
    def overrides(self) -> dict:
        """What is fixed of the mapping."""
        return overrides(self.group, self.slice)

    def tensors(self) -> Tensors:
        """Its data."""
        return load_workload(self.workload, self.dtype, self.seed, self.ptype, self.otype)

    def demand(self, target: str, **fixed: str | int) -> None:
        """Refuse what a target does not know.

        Raises
        ------
        UserError
            If one of `fixed` has another value.
        """
        for name, value in fixed.items():
            if getattr(self, name) != value:
                raise UserError(f"{name} must be {value} on target {target}")

    def asked(self) -> dict[str, str | int]:
        """All but the machine, by name."""
        return {name: value for name, value in asdict(self).items() if name != "machine"}


def back_pressure(stall: int, seed: int, **more) -> Settings:
    """Links that refuse flits in `stall` per cent of cycles; `more` as `Settings`."""
    return Settings(stall_rate=stall * 256 // 100, stall_seed=seed & 0xFFFF, **more)


def overrides(group: str, slice_: str) -> dict:
    """What a user fixed of the mapping, by ``COLUMNSxROWS`` and ``ROWSxKEYS``; nothing if empty."""
    return ({"group": group} if group else {}) | (parse_slice(slice_) if slice_ else {})


def verdict(bit_exact: bool, accuracy: Accuracy, why: str = "") -> dict:
    """The part of a row that says whether a run that came to its end is right."""
    passed = bit_exact and accuracy.passed
    return {"status": "passed" if passed else "wrong", "error": why or accuracy.why(), **host()}


def refused(why: str, status: str = "refused", log: str = "") -> dict:
    """The row of a run that did not come to its end."""
    return {"status": status, "error": why, "log": log, "commit": commit(), **host()}


def host() -> dict[str, str | int]:
    """Name, processor and cores of the computer."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        lines = []
    models = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return {
        "host": platform.node(),
        "cpu": models[0] if models else platform.processor() or platform.machine(),
        "cores": os.cpu_count() or 1,
    }
