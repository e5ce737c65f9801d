"""One way in for all kinds of workloads: which compiler and which dataflows go with a workload."""

from collections.abc import Callable
from typing import Any, NamedTuple

from isa.errors import UserError
from isa.machine import Machine
from programs.compiled import Compiled
from programs.flat import compile_attention
from programs.gemm.workload import Gemm
from programs.mapping import DATAFLOWS
from programs.summa import compile_gemm
from programs.workload import Workload

__all__ = ["compile_workload", "dataflows_of"]


class _Kind(NamedTuple):
    """A kind of workloads."""

    name: str
    dataflows: tuple[str, ...]
    compile: Callable[..., Compiled]
    """Takes machine, workload, name of the dataflow or None, and the user's decisions."""


def _gemm(machine: Machine, workload: Gemm, _dataflow: str | None, **decisions: Any) -> Compiled:
    return compile_gemm(machine, workload, **decisions)


_KINDS = {
    Workload: _Kind("attention", tuple(DATAFLOWS), compile_attention),
    Gemm: _Kind("gemm", ("summa",), _gemm),
}


def dataflows_of(workload: Workload | Gemm) -> tuple[str, ...]:
    """Names of the dataflows that compute a workload."""
    return _KINDS[type(workload)].dataflows


def compile_workload(machine: Machine, workload: Workload | Gemm, dataflow: str | None = None, **decisions: Any) -> Compiled:
    """Compile a workload of any kind.

    Parameters
    ----------
    dataflow
        One of `dataflows_of` the workload; None: by the tiling rule.
    decisions
        What the user fixes: see `compile_attention` and `compile_gemm`.

    Raises
    ------
    UserError
        If the dataflow does not compute this workload, or something does not fit.
    """
    kind = _KINDS[type(workload)]
    if dataflow is not None and dataflow not in kind.dataflows:
        raise UserError(f"DATAFLOW must be one of {', '.join(kind.dataflows)} for {kind.name}, not {dataflow!r}")
    return kind.compile(machine, workload, dataflow, **decisions)
