"""Random reductions on the reduction network: sums and maxima, every format, any rectangle and
root, in one order everywhere.
"""

import itertools
from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray

from golden.reduction import combine
from golden.storage import dtype_of
from hw.layouts import reduce_flit
from hw.network.reduce_router import ReduceRouter
from isa.geometry import Rectangle
from isa.instructions import Format, ReduceOp
from isa.machine import Machine, Mesh
from isa.packets import Port
from isa.routes import reduction_tree
from tb.noc.book import Book
from tb.noc.flits import Packing
from tb.noc.mesh import build_bench
from tb.noc.play import Run
from tb.runner import Build

__all__ = [
    "Reduction",
    "draw",
    "may_overlap",
    "random_reductions",
    "reduce_bench",
    "reduction_run",
]

TAGS = 256
PROBED = 20
"""Tiles of the largest mesh whose joins carry probes."""


@dataclass(frozen=True)
class Reduction:
    """One collective."""

    rectangle: Rectangle
    root: tuple[int, int]
    op: ReduceOp
    fmt: Format
    length: int
    """Words."""


@cache
def reduce_bench(machine: Machine) -> Build:
    """Bench of the reduction network."""
    router = ReduceRouter(machine=machine)
    if machine.mesh.tiles > PROBED:
        return build_bench(router, machine, hierarchical=True)
    layout = reduce_flit(machine.tile)
    names = [f"fifo_{port.name.lower()}" for port in Port]
    valid, ready = (
        ", ".join(f"{name}.o__{what}" for name in reversed(names)) for what in ("valid", "ready")
    )
    flits = ", ".join(f".flit_{port}({name}.o__payload)" for port, name in enumerate(names))
    op, fmt = layout["op"].offset, layout["fmt"].offset
    inside = f"""
  noc_join_probe #(.WIDTH({layout.size}), .OP({op}), .FORMAT({fmt})) probe (
    .clk(clk), .rst(rst), .x(x), .y(y), .valid({{{valid}}}), .ready({{{ready}}}), {flits}
  );"""
    return build_bench(router, machine, probe="join_probe.v", inside=inside, hierarchical=True)


def may_overlap(a: Reduction, b: Reduction) -> bool:
    """The order rule: where two reductions use the same output, they have an input in common, which
    keeps their order.

    Any two with a ``rectangle`` and a ``root``.
    """
    others = reduction_tree(b.rectangle, b.root)
    return all(
        router not in others or others[router][1] != to or set(inputs) & set(others[router][0])
        for router, (inputs, to) in reduction_tree(a.rectangle, a.root).items()
    )


def draw(
    mesh: Mesh, rng: np.random.Generator, formats: tuple[Format, ...], *, inside: bool, longest: int
) -> Reduction:
    """Draw a reduction; with the root `inside` the rectangle, or anywhere, mostly in a row without
    members.
    """
    x0, x1 = sorted(map(int, rng.integers(0, mesh.columns, 2)))
    y0, y1 = sorted(map(int, rng.integers(0, mesh.rows, 2)))
    if rng.random() < 0.1:
        x1, y1 = x0, y0
    west, east, south, north = (
        (x0, x1, y0, y1) if inside else (0, mesh.columns - 1, 0, mesh.rows - 1)
    )
    root = int(rng.integers(west, east + 1)), int(rng.integers(south, north + 1))
    rows = [y for y in range(mesh.rows) if y != root[1]]
    if not inside and rows and rng.random() < 0.7:
        # Rows on one side of the root's, or on both: the rectangle covers what is between them.
        y0, y1 = sorted(int(y) for y in rng.choice(rows, 2))
    op = list(ReduceOp)[rng.integers(len(ReduceOp))]
    length = min(longest, int(rng.geometric(0.2)))
    return Reduction(
        Rectangle(x0, y0, x1, y1), root, op, formats[rng.integers(len(formats))], length
    )


def random_reductions(
    machine: Machine, count: int, rng: np.random.Generator, *, inside: bool
) -> list[Reduction]:
    """Draw reductions that may be under way together, at most 256."""
    formats = tuple(machine.mesh.formats)
    found: list[Reduction] = []
    for _ in range(min(count, TAGS)):
        one = draw(machine.mesh, rng, formats, inside=inside, longest=16)
        # With the root inside, the order rule holds for any two.
        if inside or all(may_overlap(one, other) for other in found):
            found.append(one)
    return found


def words(reduction: Reduction, bits: int, rng: np.random.Generator, wild: float) -> NDArray:
    """Draw one member's elements: mostly of similar size, a share `wild` of any bits."""
    dtype = (
        np.dtype(np.uint32) if reduction.fmt == Format.FP32 else np.dtype(dtype_of(reduction.fmt))
    )
    shape = reduction.length, bits // 8 // dtype.itemsize
    one = {Format.FP32: 0x3F800000, Format.FP16: 0x3C00, Format.BF16: 0x3F80}.get(
        reduction.fmt, 0x38
    )
    fraction = {Format.FP32: 23, Format.FP16: 10, Format.BF16: 7}.get(reduction.fmt, 3)
    ordinary = one + rng.integers(-3 << fraction, 3 << fraction, shape) | rng.integers(
        0, 2, shape
    ) << (8 * dtype.itemsize - 1)
    anything = rng.integers(0, 1 << 8 * dtype.itemsize, shape)
    elements = np.where(rng.random(shape) < wild, anything, ordinary).astype(dtype)
    return elements.view(np.float32) if reduction.fmt == Format.FP32 else elements


def reduction_run(
    reductions: list[Reduction],
    machine: Machine,
    rng: np.random.Generator,
    *,
    orders: dict[tuple[int, int], list[int]] | None = None,
    wild: float = 0.2,
    **conditions,
) -> tuple[Run, Book]:
    """Flits of `reductions`, which all members issue in this order, and the results at the roots.

    The tag is the number of the collective. `orders` gives members that issue the collectives in
    another order: tile to numbers.
    """
    packing = Packing(reduce_flit(machine.tile))
    columns, bits = machine.mesh.columns, machine.tile.link_bits
    issue: dict[tuple[int, int], dict[int, NDArray]] = {}
    results, source, target = [], [], []
    for number, one in enumerate(reductions):
        x0, y0, x1, y1 = one.rectangle
        last = np.arange(one.length) == one.length - 1
        header = {
            "x0": x0,
            "y0": y0,
            "x1": x1,
            "y1": y1,
            "root_x": one.root[0],
            "root_y": one.root[1],
            "op": one.op.value,
            "fmt": one.fmt.value,
            "tag": number,
            "seq": np.arange(one.length),
            "bump": last,
            "sem": number % 32,
            "addr": rng.integers(0, 1 << 16, one.length),
        }
        members = {
            tile: words(one, bits, rng, wild)
            for tile in itertools.product(range(x0, x1 + 1), range(y0, y1 + 1))
        }
        for tile, elements in members.items():
            issue.setdefault(tile, {})[number] = packing.pack(
                one.length, **header, data=_bits(elements)
            )
        with np.errstate(all="ignore"):
            total = combine(members, one.rectangle, one.root, one.op, one.fmt)
        results.append(packing.pack(one.length, **header, data=_bits(total)))
        source.append(np.full(one.length, number))
        target.append(np.full(one.length, one.root[1] * columns + one.root[0]))
    first = np.cumsum([0] + [one.length for one in reductions])
    senders, flits = [], []
    for (x, y), queue in issue.items():
        order = list(queue) if orders is None else orders.get((x, y), list(queue))
        flits += [queue[number] for number in order]
        senders.append(np.full(sum(len(part) for part in queue.values()), y * columns + x))

    def identify(arrived: NDArray) -> NDArray:
        number, seq = packing.get(arrived, "tag"), packing.get(arrived, "seq")
        known = number < len(reductions)
        number = np.where(known, number, 0)
        return np.where(known & (seq < np.diff(first)[number]), first[number] + seq, -1)

    expected = np.concatenate(results)
    book = Book(
        np.concatenate(source), expected, np.arange(len(expected)), np.concatenate(target), identify
    )
    return Run(
        source=np.concatenate(senders),
        flits=np.concatenate(flits),
        expected=len(expected),
        **conditions,
    ), book


def _bits(elements: NDArray) -> NDArray[np.uint32]:
    return np.ascontiguousarray(elements).view(np.uint32)
