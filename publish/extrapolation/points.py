"""The computed points, and what follows from each."""

from collections.abc import Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from isa.errors import UserError
from isa.machine import MACHINES, Machine, load_machine

__all__ = ["GROUPS", "LENGTHS", "PAPER_MICROSECONDS", "Grid32", "ModelPoint", "prefill"]

_HERE = Path(__file__).parent
GROUPS = ("4x4", "8x8", "16x16", "32x32")
LENGTHS = (512, 1024, 2048, 4096)
PAPER_MICROSECONDS = {
    512: dict(zip(GROUPS, (69.6, 65.0, 139.6, 588.4), strict=True)),
    4096: dict(zip(GROUPS, (2610.5, 1469.6, 1176.5, 1204.3), strict=True)),
}
"""By length and group: D=128 H=32 B=4 at 1 GHz, read from figure 4 of arXiv 2505.18824."""


@dataclass(frozen=True)
class ModelPoint:
    """A workload on a machine, as the model sees it."""

    target: str
    """``steady``, ``whole`` or ``forward``: see `publish.extrapolation.target`."""
    machine: str
    workload: str
    dataflow: str
    asked_group: str
    """Columns x rows that were fixed; empty by rule."""
    group: str
    mapping: str
    cycles: int
    useful_macs: int
    matrix_utilization: float
    matrix_active: float
    vector_active: float
    vector_busy: float
    hbm_bytes: int
    hbm_ideal_bytes: int
    hbm_bandwidth_utilization: float
    turns: int
    events: int
    compile_seconds: float
    model_seconds: float
    commit: str

    @property
    def on(self) -> Machine:
        """Its machine."""
        return load_machine(
            self.machine if self.machine in MACHINES else str(_HERE / f"{self.machine}.toml")
        )

    @property
    def keys(self) -> dict[str, int]:
        """Numbers of its workload's spec, by name."""
        pairs = (part.split("=") for part in self.workload.partition(":")[2].split(","))
        return {name: int(value) for name, value in pairs}

    @property
    def microseconds(self) -> float:
        """At the machine's clock."""
        return self.cycles / self.on.clock_ghz / 1000

    @property
    def tflops(self) -> float:
        """Useful ones, in 10^12 operations a second."""
        return 2 * self.useful_macs / self.microseconds / 1e6

    @property
    def roofline(self) -> float:
        """Share of what the arrays and HBM allow: the larger of the two utilisations."""
        return max(self.matrix_utilization, self.hbm_bandwidth_utilization)

    @property
    def intensity(self) -> float:
        """Operations for each byte of HBM."""
        return 2 * self.useful_macs / self.hbm_bytes


def prefill(length: int, d: int, batch: int) -> str:
    """The spec of a layer of 32 heads."""
    return f"mha:S={length},D={d},H=32,B={batch}"


class Grid32:
    """All points of the kept result."""

    def __init__(self, result: dict[str, Any]):
        names = [one.name for one in fields(ModelPoint)]
        self.points: Sequence[ModelPoint] = [
            ModelPoint(**{name: row[name] for name in names}) for row in result["points"]
        ]
        self.result = result

    def some(self, **wanted: str) -> list[ModelPoint]:
        """Points whose fields have these values, in the order of the grid."""
        return [
            point
            for point in self.points
            if all(getattr(point, name) == value for name, value in wanted.items())
        ]

    def one(self, **wanted: str) -> ModelPoint:
        """The first of `some`.

        Raises
        ------
        UserError
            If there is none.
        """
        found = self.some(target="steady", **wanted)
        if not found:
            raise UserError(f"extrapolation: there is no point of {wanted}")
        return found[0]

    def best(self, machine: str, workload: str) -> ModelPoint:
        """The group that takes the fewest cycles of flat-async, of those that were asked for.

        Raises
        ------
        UserError
            If there is none.
        """
        found = [
            point
            for point in self.some(
                machine=machine, workload=workload, dataflow="flat-async", target="steady"
            )
            if point.asked_group
        ]
        if not found:
            raise UserError(f"extrapolation: there is no group of {workload} on {machine}")
        return min(found, key=lambda point: point.cycles)
