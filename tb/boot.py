"""How programs get into the tiles: over the network, or, where that would take a simulation long,
straight into each tile's ports.

Direct boot (`hw/sim/native_boot.h`) answers every tile's request for its image at its own ports,
all tiles at the same time, with the flits that its channel would have sent, at the port where they
would have arrived. Program memory, registers, counters and channels are then as after a boot over
the network. What is left of that one is which input the arbiters on the way served last.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path

from isa.geometry import TileXY
from isa.machine import Machine
from tb.memory_files import image_bytes

__all__ = ["boots_directly", "write_images"]

MOST_TILE_CYCLES = 1_000_000
"""Cycles of boot, times tiles, that a simulation is given: several seconds."""


def boots_directly(machine: Machine, words: int) -> bool:
    """Whether images of so many words are handed to the tiles directly, unless told otherwise:
    where the channels would be busy with them for more than `MOST_TILE_CYCLES`.
    """
    turns = -(-machine.mesh.tiles // len(machine.channels))
    cycles = turns * words * machine.tile.word_bytes // machine.hbm.bytes_per_cycle
    return cycles * machine.mesh.tiles > MOST_TILE_CYCLES


def write_images(
    machine: Machine, images: Mapping[TileXY, Sequence[int]], words: int, folder: Path
) -> list[str]:
    """Write all images to a file, and return what the simulation has to be told to boot from it."""
    size = words * machine.tile.word_bytes
    tiles = ((x, y) for y in range(machine.mesh.rows) for x in range(machine.mesh.columns))
    path = folder / "images.bin"
    path.write_bytes(b"".join(image_bytes(images[tile], size) for tile in tiles))
    return [f"+images={path}"]
