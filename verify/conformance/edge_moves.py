"""LOAD, STORE, PUT and REDUCE at the ends of their fields: one transfer at a time in the whole
mesh, after each of which all that has come is stored.
"""

from collections.abc import Iterator, Mapping
from itertools import product

from isa.geometry import Rectangle, TileXY
from isa.instructions import LAYOUTS, OPCODES_OF, Kind, Opcode, Queue, ReduceOp
from isa.machine import Channel, Machine
from isa.packets import reduce_flit
from verify.conformance.covering import covering
from verify.conformance.edge_bench import EdgeBench
from verify.conformance.edge_engines import ANY, PITCHES, PLACES, EdgeInstruction, with_registers
from verify.conformance.edge_transfers import KEPT, EdgeTransfer, emit_transfers, walk_channels
from verify.conformance.extremes import (
    FIRST,
    LAST,
    LEAST,
    MOST,
    Extent,
    ends,
    extents,
    fields_of,
    memory_words,
)
from verify.conformance.shapes import ROOTS, SHAPES, places
from verify.conformance.tile_programs import TileProgram
from verify.conformance.tile_stores import at

__all__ = ["long_move_program", "move_program", "wide_move_program"]

_TRIES = 60


def move_program(machine: Machine, seed: int, part: slice) -> TileProgram:
    """Programs of all tiles; same arguments: the same."""
    bench = EdgeBench(machine, seed)
    bench.fill()
    walk_channels(bench)
    transfers = []
    for opcode in (*OPCODES_OF[Queue.LOAD], *OPCODES_OF[Queue.OUT]):
        rows = covering(
            _factors(opcode, machine), 2, seed, allowed=lambda row: _there(row, machine)
        )
        transfers += [_draw(bench, opcode, row) for row in rows]
    order = [transfers[i] for i in bench.rng.permutation(len(transfers))][part]
    emit_transfers(bench, order)
    for tile in bench.tiles:
        bench.store_all(tile)
    return TileProgram(*bench.finish())


def long_move_program(machine: Machine, seed: int, part: slice) -> TileProgram:
    """Transfers of as many rows, of as many words a row, and of as many flits as there may be."""
    bench = EdgeBench(machine, seed)
    bench.fill()
    emit_transfers(bench, [_long(bench, *one) for one in list(_long_ones())[part]])
    for tile in bench.tiles:
        bench.store_all(tile)
    return TileProgram(*bench.finish())


def wide_move_program(machine: Machine, seed: int, _: slice) -> TileProgram:
    """Transfers of two rows, each of as many words as takes the highest bit of their number; where
    L1 has no room, the second row begins in the first one. A STORE could not be read back.
    """
    bench = EdgeBench(machine, seed)
    bench.fill()
    opcodes = (Opcode.LOAD, Opcode.PUT, Opcode.REDUCE) if len(bench.tiles) > 1 else (Opcode.LOAD,)
    emit_transfers(bench, [_long(bench, opcode, "both") for opcode in opcodes])
    for tile in bench.tiles:
        bench.store_all(tile)
    return TileProgram(*bench.finish())


def _long_ones() -> Iterator[tuple[Opcode, str]]:
    for opcode in (*OPCODES_OF[Queue.LOAD], *OPCODES_OF[Queue.OUT]):
        yield from ((opcode, "rows"), (opcode, "words"))
    yield Opcode.REDUCE, "seq"


def _long(bench: EdgeBench, opcode: Opcode, name: str) -> EdgeTransfer:
    """From one tile to another, which is root or receiver: words that follow each other, or, for
    more flits than L1 has words, a few of them again and again.
    """
    machine, tile = bench.machine, bench.machine.tile
    here, there = bench.tiles[0], bench.tiles[-1]
    f = {field.name: 0 for field in LAYOUTS[Kind.MOVE]} | {"rows": 1, "words": 1, "bump": 1}
    f |= {"local_pitch": 1, "remote_pitch": 1, "sem": 3}
    if name == "seq":
        seq = next(field.width for field in reduce_flit(tile) if field.name == "seq")
        f |= {"words": 17, "rows": -(-(1 << seq) // 17), "local_pitch": 0, "remote_pitch": 0}
        f["remote"] = 64
    elif name == "both":
        words = min((ends(opcode, "words", machine)[MOST] + 1) // 2 + 1, tile.l1_words // 2 + 1)
        f |= {"rows": 2, "words": words, "local_pitch": tile.l1_words // 5}
        f["remote_pitch"] = tile.l1_words // 5
    else:
        f[name] = min(ends(opcode, name, machine)[MOST], tile.l1_words)
    x, y = here if opcode in (Opcode.REDUCE, Opcode.LOAD) else there
    if opcode != Opcode.STORE:
        f |= dict(zip(Rectangle._fields, (x, y, x, y), strict=True))
    if opcode == Opcode.REDUCE:
        f |= {"target_x": there[0], "target_y": there[1]}
    if opcode in (Opcode.LOAD, Opcode.STORE):
        f |= at(machine.channels[-1])
        f["remote"] = machine.channel_words // 2 if opcode == Opcode.STORE else 0
    receiver = there if opcode in (Opcode.PUT, Opcode.REDUCE) else here
    queue = Queue.LOAD if opcode == Opcode.LOAD else Queue.OUT
    return EdgeTransfer(EdgeInstruction(opcode, f, {}, f), True, here, queue, (here,), (receiver,))


def _factors(opcode: Opcode, machine: Machine) -> dict[str, tuple]:
    """Levels of what an opcode reads."""
    line, used = machine.tile.l1_banks, fields_of(opcode)
    factors: dict[str, tuple] = {
        "local": PLACES,
        "remote": PLACES,
        "local_pitch": PITCHES,
        "remote_pitch": PITCHES,
        "rows": (1, 2, 4),
        "words": tuple(dict.fromkeys((1, line - 1 or 1, line, line + 1, 2 * line + 3))),
    }
    for name in ("sem", "tag"):
        legal = ends(opcode, name, machine)
        factors[name] = (legal[LEAST], legal[MOST], 5)
    factors["bump"] = (0, 1)
    if "edge" in used:
        factors["channel"] = tuple(range(len(machine.channels)))
    if "x0" in used:
        factors["shape"] = SHAPES
    if "fmt" in used:
        factors["fmt"] = tuple(int(fmt) for fmt in machine.mesh.formats)
        factors |= {"op": tuple(map(int, ReduceOp)), "turn": (0, 1), "root": ROOTS}
    return factors


def _there(row: Mapping[str, object], machine: Machine) -> bool:
    """The mesh has such a rectangle, with such a root."""
    shapes, roots = (
        [row[name]] if name in row else every
        for name, every in (("shape", SHAPES), ("root", ROOTS))
    )
    return any(pair in places(machine.mesh) for pair in product(shapes, roots))


def _draw(bench: EdgeBench, opcode: Opcode, row: Mapping) -> EdgeTransfer:
    machine, rng = bench.machine, bench.rng
    rectangle, root = _rectangle(bench, row)
    channel = machine.channels[row["channel"]] if "channel" in row else None
    member = rectangle.tiles()[rng.integers(len(rectangle.tiles()))]
    leader = member if opcode == Opcode.REDUCE else bench.tiles[rng.integers(len(bench.tiles))]
    where = {"local": row["local"], "remote": row["remote"]}
    for attempt in range(_TRIES):
        f = _operands(opcode, row, machine, attempt)
        f |= dict(zip(Rectangle._fields, rectangle, strict=True)) if "shape" in row else {}
        f |= at(channel) if channel else {}
        f |= {"target_x": root[0], "target_y": root[1]} if opcode == Opcode.REDUCE else {}
        if _place(bench, opcode, f, where if attempt < 30 else {}, channel):
            break
    else:
        raise AssertionError(f"no room for {opcode.name} {dict(row)}")
    receivers = {
        Opcode.STORE: (leader,),
        Opcode.REDUCE: tuple(rectangle.tiles()) if row.get("turn") else (root,),
    }.get(opcode, tuple(rectangle.tiles()))
    members = tuple(rectangle.tiles()) if opcode == Opcode.REDUCE else (leader,)
    queue = Queue.LOAD if opcode == Opcode.LOAD else Queue.OUT
    made = with_registers(opcode, f, where, rng, machine)
    return EdgeTransfer(made, bool(row["bump"]), leader, queue, members, receivers)


def _rectangle(bench: EdgeBench, row: Mapping) -> tuple[Rectangle, TileXY]:
    """Any of the row's classes; one tile where there is none."""
    mesh, rng = bench.machine.mesh, bench.rng
    shape = row.get("shape", SHAPES[0])
    found = [
        pair
        for root in ([row["root"]] if "root" in row else ROOTS)
        for pair in places(mesh).get((shape, root), ())
    ]
    return found[rng.integers(len(found))]


def _operands(opcode: Opcode, row: Mapping, machine: Machine, attempt: int) -> dict[str, int]:
    """Sizes, pitches and names, smaller with every attempt; rows stay in one word's reach where a
    pitch is beyond L1.
    """
    f = {field.name: 0 for field in LAYOUTS[Kind.MOVE]}
    for name in ("rows", "words", "sem", "tag", "bump", "fmt", "op", "turn"):
        f[name] = int(row.get(name, 0))
    f["rows"] = max(1, f["rows"] - attempt // 4)
    for name in ("local_pitch", "remote_pitch"):
        legal = ends(opcode, name, machine)
        loose = {"tight": f["words"], "loose": f["words"] + 1}
        f[name] = loose.get(row[name], legal[MOST if row[name] == MOST else LEAST])
    if opcode == Opcode.LOAD and row["remote"] == LAST:
        f |= {"rows": 1, "words": min(f["words"], KEPT)}
    if opcode in (Opcode.PUT, Opcode.REDUCE) and row["remote_pitch"] == MOST:
        f["rows"] = 1
    return f


def _place(
    bench: EdgeBench,
    opcode: Opcode,
    f: dict[str, int],
    where: Mapping[str, str],
    channel: Channel | None,
) -> bool:
    """Put both addresses into `f`, apart from each other in L1; whether there was room."""
    machine, rng = bench.machine, bench.rng
    found, l1 = extents(opcode, f, machine.tile), machine.tile.l1_words
    for _ in range(_TRIES):
        for name, extent in found.items():
            words = memory_words(opcode, name, machine)
            low, high = 0, words - extent.span
            place = where.get(name, ANY)
            if channel and name == "remote" and place not in (FIRST, LAST):
                if opcode == Opcode.LOAD:
                    high = l1 - extent.span  # what the image has
                    if extent.pitch > l1 or high < 0:
                        f["rows"], high = 1, l1 - extent.words
                else:
                    low = words // 4  # beyond all that is read back in the end
            if high < low:
                return False
            f[name] = (
                0
                if place == FIRST
                else words - extent.span
                if place == LAST
                else int(rng.integers(low, high + 1))
            )
        found = extents(opcode, f, machine.tile)
        if opcode in (Opcode.LOAD, Opcode.STORE) or not _meet(f, found):
            return True
    return False


def _meet(f: Mapping[str, int], found: Mapping[str, Extent]) -> bool:
    """Whether a block that is sent and its place in the receivers have words in common."""
    here, there = (
        {f[name] + r * e.pitch + w for r in range(e.rows) for w in range(e.words)}
        for name, e in found.items()
    )
    return bool(here & there)
