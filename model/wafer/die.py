"""Cycles of kernels by the die model: compiled programs, the images that RTL and golden run."""

from contextlib import suppress
from dataclasses import replace
from typing import NamedTuple

import numpy as np

from isa.errors import UserError
from isa.machine import Machine
from model.development import published_runs, tabulate
from model.paper.predict import predict_paper
from model.predict import Prediction, predict
from model.wafer.kernels import DATAFLOW, Cycles
from programs.attention.mapping import AttentionMapping
from programs.attention.workload import Attention
from programs.common.compiled import Compiled
from programs.compiler import compile_workload
from programs.gemm.mapping import GemmMapping
from programs.gemm.workload import Gemm

__all__ = ["DieCycles", "Residuals", "die_cycles", "paper_cycles", "residuals", "with_interval"]


class DieCycles(NamedTuple):
    """What the die model says of a kernel."""

    cycles: int
    mapping: str
    matrix_active: float
    hbm_bandwidth_utilization: float
    hbm_bytes: int


class Residuals(NamedTuple):
    """Signed errors of the die model, predicted over measured less one, on the published RTL runs:
    their 5 and 95 % quantiles.
    """

    runs: int
    low: float
    high: float


def die_cycles(machine: Machine, work: Gemm | Attention, dataflow: str | None = None) -> DieCycles:
    """Compile a product or attention for the die, and run the programs in the model.

    Kernels are cut by the tiling rule; of two mappings that its estimates cannot tell apart well,
    both are run, and the faster one counts. Attention whose loading tiles pass on what they read
    is run with reads that multicast as well. A product whose A is not relayed is run by its best
    mapping with one group of all tiles, too: only that one reads every tile column's part of B
    from the column's own channel.

    Raises
    ------
    UserError
        If no mapping fits.
    """
    flow = DATAFLOW[dataflow] if dataflow else None
    compiled = compile_workload(machine, work, flow)
    found = [_run(compiled)]
    mapping, other = compiled.mapping, dict[str, str]()
    if isinstance(mapping, GemmMapping):
        if not mapping.relayed:
            other = {"group": f"{machine.mesh.columns}x{machine.mesh.rows}"}
    elif isinstance(mapping, AttentionMapping) and mapping.reads == "forward":
        other = {"reads": "multicast"}
    if other:
        with suppress(UserError):  # one that does not fit L1 or the program memory
            found.append(_run(compile_workload(machine, work, flow, **other)))
    return min(found)


def paper_cycles(
    machine: Machine, work: Gemm | Attention, dataflow: str | None = None
) -> DieCycles:
    """The same kernel by the papers' own schedule and costs, in the fastest of their groups. They
    have no causal mask: what it would leave out is computed.

    Raises
    ------
    UserError
        If the papers have no such kernel.
    """
    if isinstance(work, Attention):
        work = replace(work, causal=False)
    seen = predict_paper(machine, work, DATAFLOW[dataflow] if dataflow else None)
    return _told(seen, "the papers' schedule")


def _run(compiled: Compiled) -> DieCycles:
    return _told(predict(compiled), compiled.mapping.describe())


def _told(seen: Prediction, mapping: str) -> DieCycles:
    return DieCycles(
        seen.cycles,
        mapping,
        seen.matrix_active,
        seen.hbm_bandwidth_utilization,
        seen.hbm_read_bytes + seen.hbm_write_bytes,
    )


def residuals() -> Residuals:
    """Errors of the model on the RTL runs that are published. Their machines are 4×4 and 8×8 tiles
    of an eighth of the paper's: on a die of 32×32 an interval from them is extrapolated.
    """
    errors = np.array([row.error / 100 for row in tabulate(published_runs())])
    low, high = np.quantile(errors, [0.05, 0.95])
    return Residuals(len(errors), float(low), float(high))


def with_interval(cycles: float, seen: Residuals) -> Cycles:
    """Cycles with what they may be, if the model errs as it did on nine in ten RTL runs."""
    return Cycles(
        cycles, min(cycles, cycles / (1 + seen.high)), max(cycles, cycles / (1 + seen.low))
    )
