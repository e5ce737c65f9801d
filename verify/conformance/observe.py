"""Which bins of `verify.conformance.coverage` a case hits: by what its golden run executed, and by
what it is.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

import numpy as np

from golden.recording import Step
from isa.formats import encode
from isa.geometry import Rectangle
from isa.instructions import EdgePort, Format, Kind, Opcode, ReduceOp
from isa.machine import Machine, Tile
from isa.routes import reduction_tree
from programs.tensors import AttentionTensors, GemmTensors
from verify.conformance.coverage import COUNTS, STEPS, name_of
from verify.conformance.end_bins import observe_ends
from verify.conformance.extremes import words_of
from verify.conformance.numbers import class_masks
from verify.conformance.place_bins import observe_joins, observe_places
from verify.conformance.prepare import Expected

__all__ = ["observe"]


def observe(expected: Expected) -> set[str]:
    """All bins that a case hits."""
    found: set[str] = set()
    seen: set[int] = set()
    for step in expected.steps:
        if not step.decoded.added and id(step.decoded) in seen:
            continue
        seen.add(id(step.decoded))
        found.update(_step(step, expected.machine))
    found.update(observe_places(expected))
    found.update(_conditions(expected))
    if isinstance(expected.tensors, AttentionTensors):
        found.update(_attention(expected))
    elif isinstance(expected.tensors, GemmTensors):
        found.update(_gemm(expected))
    return found


def _step(step: Step, machine: Machine) -> Iterator[str]:
    queue, opcode, f = name_of(step.queue), step.decoded.opcode, step.operands
    yield from observe_ends(step, machine)
    yield f"opcode/{name_of(opcode)} in {queue}"
    for name, *_ in step.decoded.added:
        yield f"address register/{queue} {name}"
    waits, signals = step.decoded.waits, step.decoded.signals
    if waits:
        yield f"wait/{queue} {('one', 'two')[len(waits) - 1]}"
    for _, counted in waits:
        yield f"wait count/{_between(counted, COUNTS)}"
    if signals:
        yield f"signal/{queue} {('one', 'two')[len(signals) - 1]}"
    for _, remote in signals:
        if remote is not None:
            yield f"signal/{queue} remote"
            yield f"remote signal/{_direction(step.tile, remote)}"
    kind = step.decoded.kind
    if kind == Kind.MATRIX:
        yield from _matmul(f, machine.tile)
    elif kind == Kind.VECTOR:
        yield from _vector(opcode, f, machine.tile)
    elif kind == Kind.MOVE:
        yield from _move(opcode, f, step.tile, machine)


def _direction(here: tuple[int, int], there: tuple[int, int]) -> str:
    dx, dy = there[0] - here[0], there[1] - here[1]
    if dx and dy:
        return "diagonal"
    return (
        "east"
        if dx > 0
        else "west"
        if dx < 0
        else "north"
        if dy > 0
        else "south"
        if dy < 0
        else "itself"
    )


def _tail(size: int, of: int) -> str:
    return "less than one" if size < of else "whole" if size % of == 0 else "whole and a part"


def _between(value: int, names: Sequence[str]) -> str:
    """Of ``3``, ``4 to 15`` and the like, the one that holds a value."""
    return next(name for name in names if value <= int(name.split()[-1]))


def _matmul(f: Mapping[str, int], tile: Tile) -> Iterator[str]:
    how = ("as it is", "transposed")[f["trans_b"]]
    yield f"matmul format/{name_of(Format(f['fmt_a']))} x {name_of(Format(f['fmt_b']))} {how}"
    yield f"matmul flags/transposed {f['trans_b']} accumulate {f['accumulate']}"
    yield f"matmul m/{_tail(f['m'], tile.matrix_rows)}"
    yield f"matmul n/{_tail(f['n'], tile.line_elements)}"
    yield f"matmul k/{_tail(f['k'], tile.line_elements)}"
    if f["k"] >= 4 * tile.line_elements:
        yield "matmul k/four chunks and more"
    if -(-f["n"] // tile.matrix_columns) < tile.mac_latency:
        yield "matmul n/fewer groups than latency"


def _vector(opcode: Opcode, f: Mapping[str, int], tile: Tile) -> Iterator[str]:
    name, n = name_of(opcode), f["n"]
    if opcode != Opcode.FILL:
        yield f"vector format of a/{name} {name_of(Format(f['fmt_a']))}"
        yield f"vector pitch/a {_pitch(f['lda'], words_of(tile, n, Format(f['fmt_a'])))}"
    if opcode != Opcode.ROWMAX:
        yield f"vector format of d/{name} {name_of(Format(f['fmt_d']))}"
        yield f"vector pitch/d {_pitch(f['ldd'], words_of(tile, n, Format(f['fmt_d'])))}"
    yield f"vector n/{name} {_tail(n, tile.vector_lanes) if n else '0'}"
    if opcode == Opcode.ROWMAX:
        yield f"rowmax/with_b {f['with_b']} masked {f['masked']}"
    if opcode == Opcode.EXP:
        yield f"exp/with_s {f['with_s']} masked {f['masked']}"
    if opcode in (Opcode.ROWMAX, Opcode.EXP) and f["masked"]:
        start, rows = f["mask"], f["mask_rows"]
        where = (
            "negative" if start < 0 else "0" if start == 0 else "inside" if start < n else "beyond"
        )
        yield f"mask/{name} from {where} moving after {_between(rows, STEPS[1])}"


def _pitch(pitch: int, words: int) -> str:
    return "loose" if pitch > words else "tight"


def _move(
    opcode: Opcode, f: Mapping[str, int], tile: tuple[int, int], machine: Machine
) -> Iterator[str]:
    name = name_of(opcode)
    yield f"move rows/{name} {'1' if f['rows'] == 1 else 'more'}"
    yield f"bump/{name} {f['bump']}"
    if opcode in (Opcode.LOAD, Opcode.STORE):
        yield f"{name} edge/{name_of(EdgePort(f['edge']))}"
    if opcode in (Opcode.LOAD, Opcode.PUT):
        yield f"{name} to/{_spot(f, tile, machine)}"
    if opcode != Opcode.LOAD:
        words, line = f["words"], machine.tile.l1_banks
        size = (
            "1"
            if words == 1
            else "part of a line"
            if words < line
            else "line"
            if words == line
            else "more"
        )
        yield f"move words/{name} {size}"
        for side in ("local", "remote"):
            yield f"move pitch/{name} {side} {_pitch(f[f'{side}_pitch'], words)}"
    if opcode == Opcode.REDUCE:
        op = name_of(ReduceOp(f["op"]))
        yield f"reduce/{op} {name_of(Format(f['fmt']))} turn {f['turn']}"
        spot = _spot(f, tile, machine)
        over = {"itself": "one tile", "one other": "one tile", "whole mesh": _over(f)}.get(
            spot, spot
        )
        yield f"reduce over/{over}"
        members = Rectangle(*(f[field] for field in Rectangle._fields))
        for inputs, _ in reduction_tree(members, (f["target_x"], f["target_y"])).values():
            yield f"join/{op} of {len(inputs)}"
        yield from observe_joins(f)


def _over(f: Mapping[str, int]) -> str:
    wide, high = f["x1"] > f["x0"], f["y1"] > f["y0"]
    return (
        "rectangle"
        if wide and high
        else "part of a row"
        if wide
        else "part of a column"
        if high
        else "one tile"
    )


def _spot(f: Mapping[str, int], tile: tuple[int, int], machine: Machine) -> str:
    over = _over(f)
    if over == "one tile":
        return "itself" if (f["x0"], f["y0"]) == tile else "one other"
    if over == "rectangle" and (f["x0"], f["y0"], f["x1"], f["y1"]) == (
        0,
        0,
        machine.mesh.columns - 1,
        machine.mesh.rows - 1,
    ):
        return "whole mesh"
    return over


def _conditions(expected: Expected) -> Iterator[str]:
    case, mesh = expected.case, expected.machine.mesh
    for group, value in (
        ("stalls", case.stall),
        ("latency", case.latency),
        ("bandwidth", case.bandwidth),
    ):
        yield f"{group}/{value}"
    one_row, one_column = mesh.rows == 1, mesh.columns == 1
    shape = (
        "one row"
        if one_row
        else "one column"
        if one_column
        else "square"
        if mesh.rows == mesh.columns
        else "wide or high"
    )
    yield f"mesh/{shape}"


def _attention(expected: Expected) -> Iterator[str]:
    case, compiled = expected.case, expected.compiled
    assert compiled is not None and expected.output is not None
    workload, mapping, mesh = compiled.workload, compiled.mapping, expected.machine.mesh
    yield f"dataflow/{case.dataflow}"
    if case.variant:
        yield f"variant/{case.variant}"
        yield f"variant by dataflow/{case.variant} {case.dataflow}"
    yield f"format by dataflow/{case.dtype} {case.dataflow}"
    yield f"formats of p and o/p {case.p or case.dtype} o {case.o or case.dtype}"
    yield f"network features/{case.options}"
    yield f"numbers/{case.numbers} {case.dtype}"
    tensors = expected.tensors
    assert isinstance(tensors, AttentionTensors)
    for tensor in (tensors.q, tensors.k, tensors.v):
        for name, mask in class_masks(
            encode(np.ascontiguousarray(tensor), workload.fmt), workload.fmt
        ).items():
            if mask.any():
                yield f"input/{case.dtype} {name}"
    for name, mask in class_masks(expected.output, workload.o_fmt).items():
        if mask.any():
            yield f"output/{case.o or case.dtype} {name}"
    columns, rows = mapping.group
    whole = columns * rows == mesh.tiles
    yield "group/" + (
        "one tile"
        if columns == rows == 1
        else "one row"
        if rows == 1
        else "one column"
        if columns == 1
        else "rectangle"
    )
    yield f"group/{'whole mesh' if whole else 'several'}"
    if workload.causal:
        yield f"causal/{'several positions' if workload.sq > 1 else 'one position'}"
        heads = range(workload.kv_heads)
        if any(workload.sees(head, 0) < 1 for head in heads):
            yield "causal/rows that see nothing"
        if compiled.hbm_ideal_read_bytes < _uncut(compiled):
            yield "causal/blocks left out"
    lengths = set(workload.lengths)
    yield f"lengths/{'different' if len(lengths) > 1 else 'equal'}"
    if 1 in lengths:
        yield "lengths/one key"


def _gemm(expected: Expected) -> Iterator[str]:
    case = expected.case
    yield f"dataflow/{case.dataflow}"
    yield f"format by dataflow/{case.dtype} {case.dataflow}"
    yield f"matrix numbers/{case.numbers} {case.dtype}"
    yield f"formats of a product/{case.dtype} to {case.o or case.dtype}"


def _uncut(compiled) -> int:
    """Bytes that would be read without a mask."""
    read, _ = compiled.mapping.hbm_bytes(
        replace(compiled.workload, causal=False), compiled.machine.tile
    )
    return read
