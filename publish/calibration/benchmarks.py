"""The microbenchmarks: program texts by law, for a tile of any size in a mesh of any size."""

from collections.abc import Iterator
from typing import NamedTuple

from isa.machine import Machine, Tile
from publish.calibration.texts import ProductShape, everywhere, matmul, move, program, vector

__all__ = ["Micro", "benchmarks"]

_ALL, _ROW, _COLUMN = "0,0:columns-1,rows-1", "0,0:columns-1,0", "0,0:0,rows-1"
_AREAS = {"row": _ROW, "column": _COLUMN, "all tiles": _ALL}
_BUMP = "bump sem=0"
_THERE = "sync wait=0:1"


class Micro(NamedTuple):
    """A microbenchmark."""

    law: str
    """One of `publish.calibration.laws.LAWS`."""
    name: str
    text: str


def benchmarks(machine: Machine) -> list[Micro]:
    """All of them whose operands fit the tile's L1."""
    tile = machine.tile
    found = [
        *_queues(),
        *_products(tile),
        *_vectors(tile),
        *_moves(machine),
        *_multicasts(),
        *_reductions(),
        *_reads(),
        *_writes(),
        *_shared(tile),
        *_channels(),
    ]
    return [one for one in found if one.text]


def _queues() -> Iterator[Micro]:
    scalar = ["li rd=r1 imm=1", "add rd=r1 rs=r1 imm=1"]
    yield Micro("queue", "scalar instructions", everywhere("vector", *scalar * 3))
    loop = ["loop imm=5", *scalar, "end"]
    yield Micro("queue", "a loop", everywhere("load", *loop))
    nested = ["loop imm=3", "loop imm=2", "sync", "end", "end"]
    yield Micro("queue", "nested loops", everywhere("out", *nested))
    there, back = ["sync signal=0", "sync wait=1:1"] * 4, ["sync wait=0:1 signal=1"] * 4
    yield Micro("queue", "there and back", program({"0,0": {"matrix": there, "load": back}}))
    ping = {"0,0": {"out": ["sync remote=0@1,1", "sync wait=0:1"] * 3}}
    pong = {"1,1": {"load": ["sync wait=0:1", "sync remote=0@0,0"] * 3}}
    yield Micro("queue", "to another tile and back", program({**ping, **pong}))


def _products(tile: Tile) -> Iterator[Micro]:
    rows, width = tile.matrix_rows, tile.line_elements
    group = tile.matrix_columns
    shapes = {
        "a block": ProductShape(rows, width, width),
        "a row": ProductShape(1, width, width),
        "a group of columns": ProductShape(rows, group, width),
        "tails": ProductShape(rows + 1, width // 2 + 1, width + 3),
        "blocks": ProductShape(2 * rows, 2 * width, width),
        "a long k": ProductShape(rows, width // 2, 3 * width),
    }
    for name, shape in shapes.items():
        for flags in ((), ("trans_b",)):
            code = matmul(tile, shape, "fp16", *flags)
            what = " ".join([name, *flags])
            yield Micro("product", what, code and everywhere("matrix", code))
    more: list[tuple[str, ProductShape, str, tuple[str, ...]]] = [
        ("accumulated", ProductShape(2 * rows, width, width), "fp16", ("accumulate",)),
        ("narrow accumulated", ProductShape(rows + 2, width // 2, width), "fp16", ("accumulate",)),
        ("bytes", ProductShape(rows, width, width), "e4m3", ()),
        ("bytes trans_b", ProductShape(rows, width, width), "e5m2", ("trans_b",)),
    ]
    for name, shape, fmt, given in more:
        code = matmul(tile, shape, fmt, *given)
        yield Micro("product", name, code and everywhere("matrix", code))
    code = matmul(tile, shapes["a block"])
    yield Micro("product", "three blocks", code and everywhere("matrix", *[code] * 3))


def _vectors(tile: Tile) -> Iterator[Micro]:
    line = tile.line_bytes // 4
    kinds = [
        *(("fill",), ("copy",), ("addv",), ("maxv",), ("mulv",), ("scale",), ("expd",)),
        *(("recip",), ("rowmax",), ("rowmax", "with_b"), ("exp",), ("exp", "with_s")),
    ]
    shapes = {"rows": (5, 2 * line), "tails": (3, line + 1)}
    for opcode, *flags in kinds:
        for name, (m, n) in shapes.items():
            what = " ".join([opcode, *flags, name])
            code = vector(tile, opcode, m, n, "fp32", *flags)
            yield Micro("vector", what, code and everywhere("vector", code))
    for opcode, fmt in (("exp", "fp16"), ("scale", "bf16"), ("copy", "e4m3")):
        code = vector(tile, opcode, 4, 2 * line, fmt)
        yield Micro("vector", f"{opcode} {fmt}", code and everywhere("vector", code))
    code = vector(tile, "scale", 4, line)
    yield Micro("vector", "three of scale", code and everywhere("vector", *[code] * 3))


def _moves(machine: Machine) -> Iterator[Micro]:
    near, far = "rect=1,0:1,0", "rect=columns-1,rows-1:columns-1,rows-1"
    banks = machine.tile.l1_banks
    sizes = {"a word": (1, 1), "a line": (1, banks), "rows": (4, banks), "tails": (3, banks + 1)}
    for name, (rows, words) in sizes.items():
        for where, area in (("next tile", near), ("far tile", far)):
            code = move("put", rows, words, area, _BUMP)
            yield Micro("move", f"put of {name} to the {where}", everywhere("out", code))
    code = move("put", 2, 3, near, _BUMP)
    yield Micro("move", "three puts", everywhere("out", *[code] * 3))


def _multicasts() -> Iterator[Micro]:
    for what, area in _AREAS.items():
        for name, (rows, words) in {"a word": (1, 1), "long": (4, 16)}.items():
            code = move("put", rows, words, f"rect={area}", _BUMP)
            yield Micro("multicast", f"{name} to {what}", everywhere("out", code))
    code = move("put", 2, 16, "rect=0,y:columns-1,y", _BUMP)
    text = everywhere("out", code, tiles="all")
    yield Micro("multicast", "all tiles to their rows", text)
    code = move("put", 2, 16, f"rect={_ALL}", _BUMP)
    yield Micro("multicast", "all tiles to all", everywhere("out", code, tiles="all"))


def _reductions() -> Iterator[Micro]:
    for what, area in _AREAS.items():
        for op, fmt in (("sum", "fp32"), ("max", "fp32"), ("sum", "fp16")):
            for name, words in {"short": 1, "long": 32}.items():
                rest = (f"rect={area}", "target=0,0", f"op={op}", f"fmt={fmt}", "tag=1", _BUMP)
                code = move("reduce", 1, words, *rest)
                text = everywhere("out", code, tiles=area)
                yield Micro("reduction", f"{name} {op} {fmt} of {what}", text)
    turning = (f"rect={_ALL}", "target=1,1", "op=sum", "fmt=fp32", "turn", "tag=1", _BUMP)
    for name, words in {"short": 1, "long": 32}.items():
        text = everywhere("out", move("reduce", 1, words, *turning), _THERE, tiles="all")
        yield Micro("reduction", f"{name} all-reduce of all tiles", text)


def _reads() -> Iterator[Micro]:
    west = ("target=0,0", "edge=west", _BUMP)
    for name, (rows, words) in {"a word": (1, 1), "rows": (4, 5), "long": (8, 16)}.items():
        for what, area in {"one tile": "0,0:0,0", **_AREAS}.items():
            code = [move("load", rows, words, f"rect={area}", *west), _THERE]
            yield Micro("read", f"{name} to {what}", everywhere("load", *code))
    code = [*[move("load", 1, 8, "rect=0,0:0,0", *west)] * 6, "sync wait=0:6"]
    yield Micro("read", "six requests", everywhere("load", *code))


def _writes() -> Iterator[Micro]:
    west = ("target=0,0", "edge=west", _BUMP)
    for name, (rows, words) in {"a word": (1, 1), "rows": (4, 5), "long": (8, 16)}.items():
        for tile in ("0,0", "columns-1,rows-1"):
            code = [move("store", rows, words, *west), _THERE]
            where = "its tile" if tile == "0,0" else "the far tile"
            yield Micro("write", f"{name} from {where}", everywhere("out", *code, tiles=tile))


def _shared(tile: Tile) -> Iterator[Micro]:
    rows, width, banks = tile.matrix_rows, tile.line_elements, tile.l1_banks
    line = tile.line_bytes // 4
    product = [matmul(tile, ProductShape(2 * rows, width, width))] * 3
    lanes = [vector(tile, "scale", 8, line)] * 8
    west = ("target=0,0", "edge=west", _BUMP)
    arriving = [move("load", 8, 16, "rect=0,0:0,0", *west)] * 2
    leaving = [move("put", 8, 2 * banks, "rect=1,0:1,0", _BUMP)] * 3
    pairs = {
        "product and vector": {"matrix": product, "vector": lanes},
        "product and arriving words": {"matrix": product, "load": arriving},
        "product and leaving words": {"matrix": product, "out": leaving},
        "vector and arriving words": {"vector": lanes * 4, "load": arriving},
        "vector and leaving words": {"vector": lanes, "out": leaving},
        "all four": {"matrix": product, "vector": lanes, "load": arriving, "out": leaving},
    }
    for name, queues in pairs.items():
        fits = all(code for lines in queues.values() for code in lines)
        yield Micro("shared L1", name, program({"0,0": queues}) if fits else "")


def _channels() -> Iterator[Micro]:
    here, west = "rect=x,y:x,y", ("target=0,0", "edge=west", _BUMP)
    own = ("target=0,y", "edge=west", _BUMP)
    reads, mine = (move("load", 4, 16, here, *to) for to in (west, own))
    writes = move("store", 4, 16, *own)
    one = {"load": [reads] * 8}
    yield Micro("channel under load", "one tile reads", program({"0,0": one}))
    row = {"load": [reads] * 4}
    yield Micro("channel under load", "a row reads one channel", program({_ROW: row}))
    yield Micro("channel under load", "all tiles read one", program({_ALL: row}))
    every = {"load": [mine] * 4}
    yield Micro("channel under load", "all tiles read their rows'", program({_ALL: every}))
    written = {"out": [writes] * 4}
    yield Micro("channel under load", "all tiles write to their rows'", program({_ALL: written}))
    mixed = {"load": [mine] * 4, "out": [writes] * 4}
    yield Micro("channel under load", "all tiles read and write", program({_ALL: mixed}))
    across = move("load", 2, 16, "rect=0,y:columns-1,y", *own)
    shared = program({_COLUMN: {"load": [across] * 6}})
    yield Micro("channel under load", "each channel multicasts to its row", shared)
