"""Time of a layer by the papers' schedule and costs."""

import time
from collections.abc import Collection

import numpy as np

from isa.errors import UserError
from isa.instructions import Queue
from isa.machine import Machine
from model.paper.dataflows import asynchronous, synchronous
from model.paper.graph import GroupProgram, Part, laws_of_papers, simulate_groups
from model.paper.mapping import PaperMapping, groups_of, mapped
from model.paper.summa import mapped_gemm, summa
from model.predict import Prediction
from programs.attention.workload import Attention
from programs.gemm.workload import Gemm

__all__ = ["fastest_group", "paper_breakdown", "predict_paper"]


def predict_paper(
    machine: Machine,
    work: Attention | Gemm,
    dataflow: str | None = None,
    group: tuple[int, int] | None = None,
    kept: Collection[Part] = tuple(Part),
) -> Prediction:
    """Predict a layer with the papers' schedule and costs.

    Parameters
    ----------
    machine : Machine
        Whose mesh and channels are meant; tile, network and memory are those of `PaperCosts`.
    work : Attention or Gemm
        MHA, GQA, MQA or MLA, prefill or decode; each sequence has all of its `skv` keys.
    dataflow : str, optional
        One of `PAPER_DATAFLOWS`, "summa" of a Gemm; flat-async where it is not given.
    group : (int, int), optional
        Columns and rows of tiles; the fastest of `groups_of` where it is not given.
    kept : parts, optional
        All others take no time.

    Raises
    ------
    UserError
        If the papers have no such dataflow, mask, group or channels.
    """
    if isinstance(work, Gemm):
        if dataflow not in (None, "summa"):
            raise UserError(f"DATAFLOW of a gemm must be summa, not {dataflow!r}")
        return _run(machine, mapped_gemm(machine, work), "summa", kept)
    dataflow = dataflow or "flat-async"
    if group:
        return _run(machine, mapped(machine, work, dataflow, group), dataflow, kept)
    return fastest_group(machine, work, dataflow, kept)[1]


def fastest_group(
    machine: Machine, work: Attention, dataflow: str, kept: Collection[Part] = tuple(Part)
) -> tuple[tuple[int, int], Prediction]:
    """The group of `groups_of` with which a layer is fastest, and its prediction.

    Raises
    ------
    UserError
        As `predict_paper`.
    """
    tried = {
        group: _run(machine, mapped(machine, work, dataflow, group), dataflow, kept)
        for group in groups_of(machine, work, dataflow)
    }
    return min(tried.items(), key=lambda found: found[1].cycles)


def _run(
    machine: Machine, mapping: PaperMapping, dataflow: str, kept: Collection[Part]
) -> Prediction:
    started = time.perf_counter()
    costs, blocks, program = mapping.costs, mapping.blocks, GroupProgram(kept)
    if dataflow == "summa":
        summa(costs, blocks, program)
    elif dataflow in ("flash3", "flat-async") and blocks.outer > 1:  # two sets need two blocks
        asynchronous(costs, blocks, program)
    else:
        synchronous(costs, blocks, program, software=dataflow == "flat-seq")
    laws = laws_of_papers(costs, blocks.burst, mapping.streams)
    seen = simulate_groups(program, mapping.bases, len(machine.channels), laws)
    cycles = int(np.ceil(seen.cycles))
    active = seen.work_active.reshape(-1, 4).sum(axis=0)
    share = active * blocks.columns * blocks.rows / machine.mesh.tiles / max(1, cycles)
    read, written = (
        int(words.sum()) * blocks.burst for words in (seen.words_read, seen.words_written)
    )
    bandwidth = len(machine.channels) * costs.channel_bytes
    return Prediction(
        cycles,
        float(share[Queue.MATRIX]),
        float(share[Queue.VECTOR]),
        float(share[Queue.VECTOR]),
        read,
        written,
        (read + written) / max(1, cycles) / bandwidth,
        seen.events,
        time.perf_counter() - started,
    )


def paper_breakdown(
    machine: Machine, work: Attention, dataflow: str, group: tuple[int, int]
) -> dict[Part, int]:
    """Cycles that each part adds when it is given its time after those before it.

    That is what of it is not hidden behind them; all of them add up to the cycles of the layer.
    """
    kept: tuple[Part, ...] = ()
    found: dict[Part, int] = {}
    before = 0
    for part in Part:
        kept = (*kept, part)
        if group == (1, 1) and part in (Part.MULTICAST, Part.MAXIMUM, Part.SUM):
            found[part] = 0  # a tile by itself has none
            continue
        total = predict_paper(machine, work, dataflow, group, kept).cycles
        found[part], before = total - before, total
    return found
