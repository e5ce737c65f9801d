"""One way in for all kinds of workloads: which compiler and which dataflows go with a workload."""

from collections.abc import Callable
from typing import Any, NamedTuple

from isa.errors import UserError
from isa.machine import Machine
from programs.attention.flat import compile_attention, compile_mapping
from programs.attention.mapping import DATAFLOWS
from programs.attention.tiling import estimate, rank
from programs.attention.workload import Workload
from programs.common.compiled import Compiled
from programs.gemm.summa import compile_gemm, compile_gemm_mapping
from programs.gemm.tiling import estimate_gemm, rank_gemm
from programs.gemm.workload import Gemm

__all__ = [
    "compile_workload",
    "compile_workload_mapping",
    "dataflows_of",
    "estimate_workload",
    "rank_workload",
]


class _Kind(NamedTuple):
    """A kind of workloads. What is called takes machine and workload, then what is said."""

    name: str
    dataflows: tuple[str, ...]
    compile: Callable[..., Compiled]
    """Name of the dataflow or None, and the user's decisions."""
    rank: Callable[..., list]
    """Likewise."""
    estimate: Callable[..., float]
    """A mapping."""
    compile_mapping: Callable[..., Compiled]
    """A mapping."""


def _gemm(machine: Machine, workload: Gemm, _dataflow: str | None, **decisions: Any) -> Compiled:
    return compile_gemm(machine, workload, **decisions)


def _rank_gemm(machine: Machine, workload: Gemm, _dataflow: str | None, **decisions: Any) -> list:
    return rank_gemm(machine, workload, **decisions)


_KINDS = {
    Workload: _Kind(
        "attention", tuple(DATAFLOWS), compile_attention, rank, estimate, compile_mapping
    ),
    Gemm: _Kind("gemm", ("summa",), _gemm, _rank_gemm, estimate_gemm, compile_gemm_mapping),
}


def dataflows_of(workload: Workload | Gemm) -> tuple[str, ...]:
    """Names of the dataflows that compute a workload."""
    return _KINDS[type(workload)].dataflows


def compile_workload(
    machine: Machine, workload: Workload | Gemm, dataflow: str | None = None, **decisions: Any
) -> Compiled:
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
    return _kind(workload, dataflow).compile(machine, workload, dataflow, **decisions)


def rank_workload(
    machine: Machine, workload: Workload | Gemm, dataflow: str | None = None, **decisions: Any
) -> list:
    """List the mappings of a workload that have what the user fixed and fit L1, the best by the
    tiling rule first.

    Raises
    ------
    UserError
        As `compile_workload`.
    """
    return _kind(workload, dataflow).rank(machine, workload, dataflow, **decisions)


def estimate_workload(machine: Machine, workload: Workload | Gemm, mapping: Any) -> float:
    """Guess the cycles of a workload under a mapping."""
    return _KINDS[type(workload)].estimate(machine, workload, mapping)


def compile_workload_mapping(machine: Machine, workload: Workload | Gemm, mapping: Any) -> Compiled:
    """Compile for a mapping, whether or not the programs fit the program memory."""
    return _KINDS[type(workload)].compile_mapping(machine, workload, mapping)


def _kind(workload: Workload | Gemm, dataflow: str | None) -> _Kind:
    kind = _KINDS[type(workload)]
    if dataflow is not None and dataflow not in kind.dataflows:
        raise UserError(
            f"DATAFLOW must be one of {', '.join(kind.dataflows)} for {kind.name}, not {dataflow!r}"
        )
    return kind
