"""The machine that collectives are measured on, and the HBM channel in which each tile keeps its
words.
"""

from functools import cache

import numpy as np
from numpy.typing import NDArray

from isa.geometry import Rectangle, TileXY
from isa.machine import Hbm, Machine

__all__ = ["SOURCE_WORDS", "contents", "home", "machine_for"]

SOURCE_WORDS = 2048
"""Words of a tile's own."""


def machine_for(base: Machine) -> Machine:
    """A machine for measuring the network: the given one's links, L1 banks, vector engine and
    control, one matrix PE.

    L1 and program memory are large, so that long messages fit with all their buffers, and many
    items into one run, and there is an HBM channel at every edge router, so that loading and
    storing is quick; none of this changes a cycle of a collective.
    """
    word_bytes = base.tile.word_bytes
    small = {
        "matrix_rows": 1,
        "matrix_columns": 1,
        "l1_bytes": word_bytes << 16,
        "program_instructions": 2048,
    }
    hbm = Hbm(
        west_pitch=1,
        east_pitch=1,
        south_pitch=1,
        north_pitch=1,
        bytes_per_cycle=word_bytes,
        latency=10,
    )
    return base.model_copy(
        update={
            "name": f"{base.name}, network",
            "tile": base.tile.model_copy(update=small),
            "hbm": hbm,
        }
    )


def home(machine: Machine, tile: TileXY) -> tuple[int, int]:
    """Channel that holds a tile's words, and which of the tiles there it is."""
    return _homes(machine)[tile]


@cache
def _homes(machine: Machine) -> dict[TileXY, tuple[int, int]]:
    """Share tiles out to the channels equally, near ones first: results would queue up on a few
    links otherwise.
    """
    most = -(-machine.mesh.tiles // len(machine.channels))
    pairs = [
        (abs(x - channel.x) + abs(y - channel.y), channel.index, (x, y))
        for x, y in Rectangle(0, 0, machine.mesh.columns - 1, machine.mesh.rows - 1).tiles()
        for channel in machine.channels
    ]
    homes: dict[TileXY, tuple[int, int]] = {}
    used = [0] * len(machine.channels)
    for _, channel, tile in sorted(pairs):
        if tile not in homes and used[channel] < most:
            homes[tile] = channel, used[channel]
            used[channel] += 1
    return homes


def contents(
    machine: Machine, seed: int
) -> tuple[list[NDArray[np.uint8]], dict[TileXY, NDArray[np.float32]]]:
    """Random words for every tile, in its channel; normal numbers, so that the order of additions
    shows in the bits.
    """
    each = machine.tile.word_bytes // 4
    turns = -(-machine.mesh.tiles // len(machine.channels))
    hbm = [np.zeros((turns, SOURCE_WORDS * each), np.float32) for _ in machine.channels]
    random = np.random.default_rng(seed)
    sources = {}
    for tile in Rectangle(0, 0, machine.mesh.columns - 1, machine.mesh.rows - 1).tiles():
        channel, turn = home(machine, tile)
        hbm[channel][turn] = sources[tile] = random.normal(size=SOURCE_WORDS * each).astype(
            np.float32
        )
    return [content.reshape(-1).view(np.uint8) for content in hbm], sources
