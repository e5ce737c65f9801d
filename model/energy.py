"""Energy of compiled programs: what they compute and move, by published energies. Nothing of
it was measured on our hardware.

Counted are multiply-accumulates, elements of vector instructions, bytes of L1 and HBM, and bytes
through outputs of routers. Not counted: clock, leakage, instructions and their memory, adders in
routers, an array's registers, so that it is a lower bound that compares mappings and machines.
"""

from math import log2
from typing import NamedTuple

import numpy as np

from isa.machine import Tile
from model.moved import Moved, moved
from programs.common.compiled import Compiled

__all__ = ["MAC", "Energy", "energy_of", "l1_byte", "published"]

# Horowitz, "Computing's Energy Problem (and What We Can Do About It)", ISSCC 2014: 45 nm, in pJ.
_FP16_MULTIPLY, _FP32_MULTIPLY, _FP32_ADD = 1.1, 3.7, 0.9
_SRAM = ((8 << 10, 10.0), (32 << 10, 20.0), (1 << 20, 100.0))
"""Bytes of a memory, and the energy of 64 bits."""
MAC = _FP16_MULTIPLY + _FP32_ADD
"""A multiplication in FP16 and an addition in FP32."""
_ELEMENT = _FP32_MULTIPLY + _FP32_ADD
"""An element of a vector instruction, whatever it computes: one of each in FP32."""
_HBM_BYTE = 8 * 3.9
"""HBM2: 3.9 pJ a bit, O'Connor et al., "Fine-Grained DRAM", MICRO 2017."""
_HOP_BYTE = 0.15
"""A router and its link, arXiv 2409.17606 (FlooNoC): 0.15 pJ a byte and hop at 0.8 V in 12 nm."""


class Energy(NamedTuple):
    """Joules of a run, by what takes them."""

    matrix: float
    vector: float
    l1: float
    network: float
    hbm: float

    def row(self) -> dict[str, float]:
        """Flat, for results."""
        parts = {f"energy_{name}_joules": value for name, value in self._asdict().items()}
        return parts | {"energy_joules": self.total}

    @property
    def total(self) -> float:
        """All of them."""
        return sum(self)


def energy_of(compiled: Compiled) -> Energy:
    """Energy of a compiled workload."""
    images = {tile: program.words() for tile, program in compiled.programs.items()}
    return published(compiled.machine.tile, moved(compiled.machine, images))


def published(tile: Tile, seen: Moved) -> Energy:
    """What a run takes, in joules, by the published energies in pJ."""
    parts = (
        seen.macs * MAC,
        seen.elements * _ELEMENT,
        seen.l1_bytes * l1_byte(tile),
        seen.hop_bytes * _HOP_BYTE,
        seen.hbm_bytes * _HBM_BYTE,
    )
    return Energy(*(part * 1e-12 for part in parts))


def l1_byte(tile: Tile) -> float:
    """PJ of a byte of an L1 bank of that size: on a line through the logarithms of the two sizes
    beside it, and no less than the smallest, nor more than the largest.
    """
    sizes, energies = zip(*_SRAM, strict=True)
    bank = tile.l1_bytes / tile.l1_banks
    return float(np.interp(log2(bank), [log2(size) for size in sizes], energies)) / 8
