"""What a kind of workloads, attention or GEMM, offers to those who need not know which it is."""

from typing import Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

from isa.instructions import Format
from isa.machine import Machine
from programs.common.compiled import AnyMapping, AnyWorkload, Compiled

__all__ = ["Decision", "WorkloadKind"]

Decision = str | int | None
"""What the user takes from the tiling rule; None leaves it to the rule."""
W = TypeVar("W", bound=AnyWorkload)
M = TypeVar("M", bound=AnyMapping)


class WorkloadKind(Protocol[W, M]):
    """A kind of workloads `W`, cut by mappings `M`.

    The layout of its tensors in HBM comes with what is compiled (`Compiled.placement`). Everything
    raises `UserError` where the user asked for what cannot be.
    """

    name: str
    """For messages."""
    specs: tuple[str, ...]
    """What its specs begin with, before the colon."""
    workload: type[W]
    dataflows: tuple[str, ...]

    def parse(self, spec: str, fmt: Format) -> W:
        """Read a spec that begins with one of `specs`."""

    def rank(
        self, machine: Machine, workload: W, dataflow: str | None, **decisions: Decision
    ) -> list[M]:
        """List the mappings that have what the user fixed and fit L1, the best first."""

    def estimate(self, machine: Machine, workload: W, mapping: M) -> float:
        """Guess the cycles under a mapping."""

    def compile(
        self, machine: Machine, workload: W, dataflow: str | None, **decisions: Decision
    ) -> Compiled[W, M]:
        """Compile for the best mapping whose programs fit the program memory."""

    def compile_mapping(self, machine: Machine, workload: W, mapping: M) -> Compiled[W, M]:
        """Compile for a mapping, whether or not the programs fit the program memory."""

    def random_tensors(self, workload: W, seed: int) -> tuple[NDArray[np.float32], ...]:
        """Draw its tensors, as `Compiled.placement` scatters them; the same for the same seed."""
