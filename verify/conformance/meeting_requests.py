"""Programs in which all tiles read and write one HBM channel at once, so that its events meet."""

from isa.geometry import Rectangle
from isa.instructions import Opcode, Queue
from isa.machine import Channel, Machine
from verify.conformance.edge_bench import EdgeBench
from verify.conformance.tile_stores import at

__all__ = ["request_storm"]

_TURNS, _AT_ONCE = 8, 4
"""Rounds of a tile at a channel, and LOADs and STOREs of a round."""
_SIZES = ((1, 1), (4, 4), (1, 3), (4, 2))
"""Rows and words of each of them in turn."""
_LOADED, _WRITTEN = 24, 25
"""Semaphores of words that have come, and of what is written."""
_INTO, _APART, _PITCH = 1024, 16, 4
"""Where they come to in L1, how far from each other, and how far a row is from the next one."""


def request_storm(bench: EdgeBench) -> None:
    """At one channel of each edge after the other: every tile writes to it and reads from it as
    fast as it can, and from all others too, so that their words are in each other's way.
    """
    machine, count = bench.machine, len(bench.tiles)
    area = machine.channel_words // 2
    bench.stores.ends = [area + 4 * count * _AT_ONCE * _APART for _ in machine.channels]
    for turn, channel in enumerate(_one_of_each(machine)):
        for number, tile in enumerate(bench.tiles):
            others = machine.channels[number % len(machine.channels)]
            room = area + (turn * count + number) * _AT_ONCE * _APART
            load, out = bench.adder(tile, Queue.LOAD), bench.adder(tile, Queue.OUT)
            load(Opcode.LOOP, imm=_TURNS)
            out(Opcode.LOOP, imm=_TURNS)
            for n in range(_AT_ONCE):
                rows, words = _SIZES[(number + n) % len(_SIZES)]
                shape = {"rows": rows, "words": words, "local_pitch": _PITCH, "bump": 1}
                load(
                    Opcode.LOAD, local=_INTO + n * _APART, remote=n, remote_pitch=_PITCH,
                    sem=_LOADED, **shape, **at(others if n % 2 else channel),
                    **dict(zip(Rectangle._fields, (*tile, *tile), strict=True)),
                )  # fmt: skip
                out(
                    Opcode.STORE, local=n, remote=room + n * _APART, remote_pitch=words,
                    sem=_WRITTEN, **shape, **at(channel),
                )  # fmt: skip
            for add, semaphore in ((load, _LOADED), (out, _WRITTEN)):
                add(Opcode.END)
                add(Opcode.SYNC, waits=[(semaphore, _TURNS * _AT_ONCE)])
        bench.meet(Queue.OUT)


def _one_of_each(machine: Machine) -> list[Channel]:
    """A channel of each edge that has any."""
    return list({channel.edge: channel for channel in reversed(machine.channels)}.values())
