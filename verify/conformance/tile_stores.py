"""STOREs of random programs, to any channel."""

from collections.abc import Callable

import numpy as np

from isa.instructions import EdgePort, Opcode
from isa.machine import Channel, Machine
from verify.conformance.tile_data import Layout, Section
from verify.conformance.tile_network import Arrival

__all__ = ["Stores", "at"]


class Stores:
    """Adds STOREs that write one behind the other in their channels.

    Parameters
    ----------
    machine, rng
        The channels, and what draws them.
    semaphore
        Takes the acknowledgements.

    Attributes
    ----------
    ends
        Words of each channel so far.
    """

    def __init__(self, machine: Machine, rng: np.random.Generator, semaphore: int):
        self._machine, self._rng, self._semaphore = machine, rng, semaphore
        self.ends = [Layout(machine.tile).words for _ in machine.channels]

    def loop(self, add: Callable, area: Section) -> int:
        """STORE an area in rounds of a loop; returns how many acknowledgements come."""
        rounds = int(self._rng.choice([n for n in (1, 2, 4, 5) if area.words % n == 0]))
        each = area.words // rounds
        words = int(self._rng.choice([w for w in range(1, 65) if each % w == 0]))
        channel = self._machine.channels[self._rng.integers(len(self._machine.channels))]
        pitch = words + int(self._rng.integers(0, 2))
        rows = each // words
        remote = self._room(channel, rounds * rows * pitch)
        add(Opcode.LI, rd=2, imm=0)
        add(Opcode.LI, rd=3, imm=remote)
        add(Opcode.LI, rd=4, imm=rounds - 1)
        add(Opcode.LOOP, imm=1, rs=4)
        add(
            Opcode.STORE,
            local=area.address,
            local_reg=2,
            local_pitch=words,
            remote=0,
            remote_reg=3,
            remote_pitch=pitch,
            rows=rows,
            words=words,
            **at(channel),
            bump=1,
            sem=self._semaphore,
            tag=2,
        )
        add(Opcode.ADD, rd=2, rs=2, imm=each)
        add(Opcode.ADD, rd=3, rs=3, imm=rows * pitch)
        add(Opcode.END)
        return rounds

    def one(self, add: Callable, block: Arrival, counted: bool) -> None:
        """STORE a block; `counted`: with an acknowledgement."""
        channel = self._machine.channels[self._rng.integers(len(self._machine.channels))]
        remote = self._room(channel, block.rows * block.words)
        add(
            Opcode.STORE,
            local=block.address,
            local_pitch=block.pitch,
            remote=remote,
            remote_pitch=block.words,
            rows=block.rows,
            words=block.words,
            **at(channel),
            bump=int(counted),
            sem=self._semaphore,
            tag=3,
        )

    def _room(self, channel: Channel, words: int) -> int:
        self.ends[channel.index] += words
        return self.ends[channel.index] - words


def at(channel: Channel) -> dict[str, int]:
    """Operands that name a channel."""
    return {
        "target_x": channel.x,
        "target_y": channel.y,
        "edge": int(EdgePort[channel.edge.upper()]),
    }
