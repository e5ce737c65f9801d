"""What a kind of workloads, attention or GEMM, offers to those who need not know which it is."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

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


@dataclass(frozen=True)
class WorkloadKind(Generic[W, M]):
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
    parse: Callable[[str, Format], W]
    """Read a spec that begins with one of `specs`."""
    rank: Callable[..., Sequence[M]]
    """List the mappings of (machine, workload, dataflow, **decisions) that have what the user fixed
    and fit L1, the best first.
    """
    estimate: Callable[[Machine, W, M], float]
    """Guess the cycles under a mapping."""
    compile: Callable[..., Compiled[W, M]]
    """Compile (machine, workload, dataflow, **decisions) for the best mapping whose programs fit
    the program memory.
    """
    compile_mapping: Callable[[Machine, W, M], Compiled[W, M]]
    """Compile for a mapping, whether or not the programs fit the program memory."""
    random_tensors: Callable[[W, int], tuple[NDArray[np.float32], ...]]
    """Draw its tensors, as `Compiled.placement` scatters them; the same for the same seed."""
