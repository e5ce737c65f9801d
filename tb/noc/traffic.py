"""Random traffic for the data network: unicasts, rows, columns and rectangles, in packets, from
tiles and outer ports.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hw.layouts import data_flit
from isa.machine import Machine, Mesh
from tb.noc.book import Book
from tb.noc.flits import Packing
from tb.noc.patterns import PATTERNS, destinations
from tb.noc.play import Run
from tb.units.network import ends

__all__ = ["MIXES", "Packets", "data_run", "mixed_packets"]

MIXES = (*PATTERNS, "rows", "columns", "rectangles", "broadcasts", "around", "everything")
"""What a run of random traffic consists of; `around` are rectangles that reach at most one tile
farther than their source, which needs few flits to block all branches of a fork; `everything` draws
each packet from the others.
"""


@dataclass
class Packets:
    """Packets in the order in which their sources send them."""

    source: NDArray
    """By packet: the end that sends it."""
    rectangle: NDArray
    """By packet: west column, south row, east column, north row."""
    length: NDArray
    """By packet: its flits."""
    birth: NDArray | int = 0


def mixed_packets(
    mix: str, mesh: Mesh, count: int, rng: np.random.Generator, *, longest: int = 16, copies: int
) -> Packets:
    """Draw packets until `copies` flits have to arrive, `count` at a time; some or all of them at
    outer ports.
    """
    parts = []
    outer = rng.choice([0.0, 0.25, 0.5, 1.0])
    while copies > 0:
        parts.append(_drawn(mix, mesh, count, rng, longest, outer))
        x0, y0, x1, y1 = parts[-1].rectangle.T
        copies -= int(((x1 - x0 + 1) * (y1 - y0 + 1) * parts[-1].length).sum())
    return Packets(
        *(
            np.concatenate([getattr(part, name) for part in parts])
            for name in ("source", "rectangle", "length")
        )
    )


def _drawn(
    mix: str, mesh: Mesh, count: int, rng: np.random.Generator, longest: int, outer: float
) -> Packets:
    where = np.array([(x, y) for x, y, _ in ends(mesh.columns, mesh.rows)])
    tiles, ports = rng.integers(0, mesh.tiles, count), rng.integers(mesh.tiles, len(where), count)
    source = np.where(rng.random(count) < outer, ports, tiles)
    x, y = where[source].T
    kinds = np.array(MIXES[:-1] if mix == "everything" else [mix])
    kind = rng.choice(kinds, count)
    rectangle = np.empty((count, 4), np.int64)
    for name in kinds:
        mine = kind == name
        if name in PATTERNS:
            there = destinations(name, mesh, y[mine] * mesh.columns + x[mine], rng)
            there = np.stack([there % mesh.columns, there // mesh.columns])
            rectangle[mine] = np.concatenate([there, there]).T
            continue
        xs = np.sort(rng.integers(0, mesh.columns, (2, mine.sum())), axis=0)
        ys = np.sort(rng.integers(0, mesh.rows, (2, mine.sum())), axis=0)
        if name == "around":
            reach = rng.integers(0, 2, (4, mine.sum()))
            xs[:] = np.clip([x[mine] - reach[0], x[mine] + reach[1]], 0, mesh.columns - 1)
            ys[:] = np.clip([y[mine] - reach[2], y[mine] + reach[3]], 0, mesh.rows - 1)
            # Some of them leave out the source.
            ys[0] = np.where(rng.random(mine.sum()) < 0.2, ys[1], ys[0])
        elif name == "rows":
            ys[:] = ys[rng.integers(0, 2)]
        elif name == "columns":
            xs[:] = xs[rng.integers(0, 2)]
        elif name == "broadcasts":
            xs[:], ys[:] = [[0], [mesh.columns - 1]], [[0], [mesh.rows - 1]]
        rectangle[mine] = np.stack([xs[0], ys[0], xs[1], ys[1]]).T
    length = (
        np.minimum(rng.geometric(0.25, count), longest) if longest > 1 else np.ones(count, np.int64)
    )
    return Packets(source, rectangle, length)


def data_run(
    packets: Packets, machine: Machine, rng: np.random.Generator, **conditions
) -> tuple[Run, Book]:
    """Flits of `packets`, and what has to arrive of them. Data word 0 numbers the flits, word 1 is
    the source, the rest random.
    """
    packing = Packing(data_flit(machine.tile))
    of = np.repeat(np.arange(len(packets.source)), packets.length)
    count = len(of)
    last = np.diff(of, append=-1) != 0
    data = rng.integers(0, 1 << 32, (count, machine.tile.link_bits // 32), dtype=np.uint32)
    data[:, 0] = np.arange(count)
    data[:, 1] = source = packets.source[of]
    rectangle = packets.rectangle[of]
    x0, y0, x1, y1 = rectangle.T
    flits = packing.pack(
        count,
        x0=x0,
        y0=y0,
        x1=x1,
        y1=y1,
        data=data,
        bump=last,
        addr=rng.integers(0, 1 << 16, count),
        kind=rng.integers(0, 3, count),
        sem=rng.integers(0, 32, count),
        tag=rng.integers(0, 256, count),
    )
    width = x1 - x0 + 1
    copies = width * (y1 - y0 + 1)
    item = np.repeat(np.arange(count), copies)
    place = np.arange(len(item)) - np.repeat(np.cumsum(copies) - copies, copies)
    target = (
        (y0[item] + place // width[item]) * machine.mesh.columns + x0[item] + place % width[item]
    )
    birth = np.broadcast_to(packets.birth, len(packets.source))[of]
    book = Book(
        source, flits, item, target, lambda words: packing.get(words, "data")[:, 0].astype(np.int64)
    )
    return Run(source=source, flits=flits, expected=len(item), birth=birth, **conditions), book
