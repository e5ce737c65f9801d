"""One way in for all kinds of workloads: finds the kind of a workload and hands over to it."""

from collections.abc import Sequence
from typing import Any, TypeVar

from isa.errors import UserError
from isa.instructions import Format
from isa.machine import Machine
from programs.attention.kind import ATTENTION
from programs.attention.workload import Attention
from programs.common.compiled import AnyMapping, AnyWorkload, Compiled
from programs.common.kind import Decision, WorkloadKind
from programs.gemm.kind import GEMM
from programs.gemm.workload import Gemm

__all__ = [
    "KINDS",
    "compile_workload",
    "compile_workload_mapping",
    "dataflows_of",
    "estimate_workload",
    "kind_of",
    "parse_workload",
    "rank_workload",
]

W = TypeVar("W", bound=AnyWorkload)
M = TypeVar("M", bound=AnyMapping)

KINDS: tuple[WorkloadKind, ...] = (ATTENTION, GEMM)


def parse_workload(spec: str, fmt: Format = Format.FP16) -> Attention | Gemm:
    """Read a spec ``kind:key=value,...``: see `parse_attention` and `parse_gemm`.

    Raises
    ------
    UserError
        One line that says what is wrong with it.
    """
    name, colon, _ = spec.partition(":")
    if not colon:
        raise UserError(
            f"WORKLOAD {spec!r}: must be minilm, KIND:KEY=VALUE,... (for example "
            "mha:S=512,D=64,H=4), or a path to an .npz"
        )
    for kind in KINDS:
        if name in kind.specs:
            return kind.parse(spec, fmt)
    known = ", ".join(name for kind in KINDS for name in kind.specs)
    raise UserError(f"WORKLOAD {spec!r}: kind must be one of {known}, not {name!r}")


def kind_of(workload: W, dataflow: str | None = None) -> WorkloadKind[W, Any]:
    """The kind of a workload.

    Raises
    ------
    UserError
        If a dataflow is given that does not compute it.
    """
    kind = next(kind for kind in KINDS if isinstance(workload, kind.workload))
    if dataflow is not None and dataflow not in kind.dataflows:
        raise UserError(
            f"DATAFLOW must be one of {', '.join(kind.dataflows)} for {kind.name}, not {dataflow!r}"
        )
    return kind


def dataflows_of(workload: AnyWorkload) -> tuple[str, ...]:
    """Names of the dataflows that compute a workload."""
    return kind_of(workload).dataflows


def compile_workload(
    machine: Machine, workload: W, dataflow: str | None = None, **decisions: Decision
) -> Compiled[W, AnyMapping]:
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
    return kind_of(workload, dataflow).compile(machine, workload, dataflow, **decisions)


def rank_workload(
    machine: Machine, workload: AnyWorkload, dataflow: str | None = None, **decisions: Decision
) -> Sequence[AnyMapping]:
    """List the mappings of a workload that have what the user fixed and fit L1, the best by the
    tiling rule first.

    Raises
    ------
    UserError
        As `compile_workload`.
    """
    return kind_of(workload, dataflow).rank(machine, workload, dataflow, **decisions)


def estimate_workload(machine: Machine, workload: AnyWorkload, mapping: AnyMapping) -> float:
    """Guess the cycles of a workload under a mapping."""
    return kind_of(workload).estimate(machine, workload, mapping)


def compile_workload_mapping(machine: Machine, workload: W, mapping: M) -> Compiled[W, M]:
    """Compile for a mapping, whether or not the programs fit the program memory."""
    return kind_of(workload).compile_mapping(machine, workload, mapping)
