"""What simulating a mesh costs, before anything is built: a mesh beyond reason is refused.

The figures are good to a factor of two or three, which tells minutes from days. They come from runs
of `make measure SET=large` and its builds, on one core of an ordinary machine.
"""

import os
from typing import NamedTuple

from isa.errors import UserError
from isa.machine import Machine

__all__ = ["Cost", "estimate", "refuse_if_too_large"]

MOST_SECONDS = 60.0
"""Seconds for a thousand cycles that somebody may want to wait: attention takes ten thousand at
least.
"""


class Cost(NamedTuple):
    """Estimated cost of a mesh."""

    megabytes: float
    """Memory of the simulation."""
    build_seconds: float
    """CPU time of emission and compilation."""
    seconds: float
    """CPU time of a thousand cycles."""


def estimate(machine: Machine) -> Cost:
    """What building and simulating the machine's mesh costs."""
    tile, tiles = machine.tile, machine.mesh.tiles
    # A tile: its memories, and some 100 bytes for each MAC and each bit of a line.
    state = tile.l1_bytes + 32 * tile.program_instructions + 100 * (tile.macs + 8 * tile.line_bytes)
    channels = len(machine.channels) * machine.hbm.channel_bytes
    return Cost(
        megabytes=100 + (tiles * state + channels) / 1e6,
        build_seconds=60 + 0.6 * tile.macs + 0.1 * tiles,
        seconds=tiles * (4e-3 + 0.12e-3 * tile.macs),
    )


def refuse_if_too_large(machine: Machine) -> None:
    """Refuse a mesh that does not fit memory, or that takes for ever.

    Raises
    ------
    UserError
        With the estimate.
    """
    cost = estimate(machine)
    memory = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") / 1e6
    if cost.megabytes <= 0.8 * memory and cost.seconds <= MOST_SECONDS:
        return
    mesh = machine.mesh
    raise UserError(
        f"MACHINE {machine.name} with {mesh.columns}x{mesh.rows} tiles is too large to simulate: "
        f"about {cost.megabytes / 1e3:.1f} GB of {memory / 1e3:.1f}, {cost.build_seconds / 60:.0f} "
        f"minutes to build, {cost.seconds:.0f} s for each thousand cycles (up to "
        f"{MOST_SECONDS:.0f}); take a smaller MESH, or ANYSIZE=1 to do it all the same"
    )
