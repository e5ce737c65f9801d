"""A bound on the cycles of a case, from first principles."""

import math
from collections import defaultdict

from golden.recording import Step
from isa.geometry import Rectangle
from isa.instructions import Kind, Opcode
from isa.machine import Machine
from verify.conformance.prepare import Expected

__all__ = ["floor"]


def floor(expected: Expected) -> int:
    """Cycles that a case takes at least, however good the hardware, given its arrays, lanes, links
    and channels.

    The largest of: a channel's words at its bandwidth, behind its latency if it reads; a tile's
    multiply-accumulates over its array; its vector elements over its lanes; the flits that it
    sends, and those that it receives, on each network, one a cycle.
    """
    machine = expected.machine
    work: dict[tuple, float] = defaultdict(float)
    for step in expected.steps:
        for what, amount in _work(step, machine):
            work[what] += amount
    return max([1, *(math.ceil(cycles) for cycles in work.values()), *_hbm(expected)])


def _hbm(expected: Expected) -> list[int]:
    """Of each channel. What it may spend is what two words cost before anything comes."""
    hbm, word = expected.machine.hbm, expected.machine.tile.word_bytes
    found = []
    for read, written in zip(expected.words_read, expected.words_written, strict=True):
        whole, reads = (
            math.ceil(max(0, words - 2) * word / hbm.bytes_per_cycle)
            for words in (read + written, read)
        )
        found.append(max(whole, hbm.latency + reads if read else 0))
    return found


def _work(step: Step, machine: Machine) -> list[tuple[tuple, float]]:
    """What an instruction keeps busy, and for how many cycles."""
    opcode, f, tile = step.decoded.opcode, step.operands, machine.tile
    if step.decoded.kind == Kind.MATRIX:
        products = f["m"] * f["n"] * f["k"]
        return [(("array", step.tile), products / (tile.matrix_rows * tile.matrix_columns))]
    if step.decoded.kind == Kind.VECTOR:
        return [(("lanes", step.tile), f["m"] * f["n"] / tile.vector_lanes)]
    if step.decoded.kind != Kind.MOVE:
        return []
    flits = f["rows"] * f["words"]
    if opcode == Opcode.STORE:
        return [(("request out", step.tile), flits)]
    rectangle = Rectangle(f["x0"], f["y0"], f["x1"], f["y1"])
    found: list[tuple[tuple, float]] = []
    if opcode == Opcode.REDUCE:
        root = f["target_x"], f["target_y"]
        found.append((("reduce out", step.tile), flits))
        if step.tile != (f["x0"], f["y0"]):  # the flits of all members arrive as one
            return found
        found.append((("reduce in", root), flits))
        if not f["turn"]:
            return found
    elif opcode == Opcode.PUT:
        found.append((("data out", step.tile), flits))
    return [*found, *((("data in", tile), flits) for tile in rectangle.tiles())]
