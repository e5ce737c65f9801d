"""Rolling is exact whatever the trace, and finds the loops of a nest whatever its shape."""

import random
import time

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from isa.instructions import LOOP_DEPTH, REGISTERS, Opcode
from programs.common.loops import compress, expand
from programs.common.trace import Instantiator, Op, Ref, Signal, Trace

LEAF = st.tuples(st.integers(0, 3), st.integers(0, 500), st.integers(0, 500))
STRIDE = st.sampled_from([0, 0, 1, 16, -8])


def nests(depth: int):
    """A list of leaves (kind, two addresses) and loops (trips, trips added per outer iteration,
    strides, body).
    """
    loop = (
        st.tuples(
            st.integers(1, 6), st.sampled_from([0, 0, 1, 2]), STRIDE, STRIDE, nests(depth - 1)
        )
        if depth
        else LEAF
    )
    return st.lists(st.one_of(LEAF, loop), min_size=1, max_size=4)


def unroll(body, trace: Trace, move=(0, 0), turn: int = 0) -> None:
    """The trace of a nest: addresses move by the strides of the loops around them, trips with
    `turn` of the loop outside.
    """
    for item in body:
        if len(item) == 3:
            kind, a, b = item
            trace.add(Opcode.MATMUL, a=1000 + a + move[0], c=5000 + b + move[1], m=kind + 1)
        else:
            trips, more, first, second, inner = item
            for i in range(min(trips + more * turn, 12)):
                unroll(inner, trace, (move[0] + first * i, move[1] + second * i), i)


@settings(max_examples=300, deadline=None)
@given(nests(3))
@example([(2, 0, 0, 0, [(1, 1, 0, 0, [(0, 0, 0)]), (4, 0, 0, 0, [(3, 1, 1, 16, [(0, 0, 0)])])])])
def test_any_nest_rolls_exactly(body):
    trace = Trace()
    unroll(body, trace)
    code = compress(trace.ops)
    assert same(code, trace.ops)
    assert len(code) <= len(trace.ops) + 1
    check_limits(code)


@settings(max_examples=100, deadline=None)
@given(st.lists(LEAF, max_size=60))
def test_a_trace_without_structure_rolls_exactly(leaves):
    trace = Trace()
    unroll(leaves, trace)
    assert same(compress(trace.ops), trace.ops)


def same(code: list[Op], ops: list[Op]) -> bool:
    """Whether executing the code is executing the operations."""
    instantiate = Instantiator()
    return list(expand(instantiate(code, {}))) == instantiate(ops, {})


def check_limits(code: list[Op]) -> None:
    depth = 0
    for op in code:
        fields = dict(op.shape.fields)
        assert all(
            register < REGISTERS
            for register in (*op.registers, fields.get("rd", 0), fields.get("rs", 0))
        )
        depth += {Opcode.LOOP: 1, Opcode.END: -1}.get(op.shape.opcode, 0)
        assert 0 <= depth <= LOOP_DEPTH
    assert depth == 0 and code[-1].shape.opcode == Opcode.HALT
    Instantiator()(code, {})


def nest(*trips: int, body: int = 3) -> Trace:
    """A perfect nest over `trips`, each loop with a stride of its own."""
    trace = Trace()
    indices = [0] * len(trips)

    def level(depth: int) -> None:
        if depth == len(trips):
            for i in range(body):
                trace.add(
                    Opcode.LOAD,
                    local=i * 4,
                    remote=sum(j * 7**k for k, j in enumerate(indices)) + 1000 * i,
                    sem=i,
                )
            return
        for i in range(trips[depth]):
            indices[depth] = i
            level(depth + 1)

    level(0)
    return trace


@pytest.mark.parametrize("trips", [(9,), (5, 7), (4, 6, 5), (3, 4, 5, 6)])
def test_size_does_not_depend_on_the_trip_counts(trips):
    code = compress(nest(*trips).ops)
    twice = compress(nest(*(2 * n for n in trips)).ops)
    assert len(code) == len(twice) == 3 + 3 * len(trips) + 1
    assert same(code, nest(*trips).ops)


def test_a_fifth_level_is_left_unrolled():
    trace = nest(3, 3, 3, 3, 3)
    code = compress(trace.ops)
    check_limits(code)
    assert same(code, trace.ops)


def triangle(rows: int, heads: int = 3) -> Trace:
    """Causal attention in small: row block i meets the column blocks 0 to i."""
    trace = Trace()
    for head in range(heads):
        for i in range(rows):
            trace.add(Opcode.LOAD, remote=10000 * head + 100 * i, sem=1)
            for j in range(i + 1):
                trace.add(Opcode.LOAD, remote=50000 * head + 64 * j, sem=2)
                trace.add(Opcode.LOAD, remote=50000 * head + 64 * j + 30000, sem=3)
    return trace


def test_a_triangular_nest_rolls():
    small, large = (compress(triangle(rows).ops) for rows in (12, 24))
    assert len(small) == len(large) < 40
    assert same(large, triangle(24).ops)


def test_a_trace_of_20000_operations_rolls_fast():
    trace = Trace()
    for head in range(40):
        for j in range(100):
            for phase in range(2):
                trace.add(
                    Opcode.LOAD,
                    local=64 * phase,
                    remote=9000 * head + 128 * j + 64 * phase,
                    sem=phase,
                )
                trace.add(Opcode.STORE, local=700, remote=9000 * head + 64 * j, tag=phase)
        trace.add(Opcode.LOAD, local=900, remote=500000 + head * 64, sem=7)
    rng = random.Random(1)
    for _ in range(4000):
        trace.add(Opcode.LOAD, local=rng.randrange(64), sem=rng.randrange(6))
    started = time.process_time()
    code = compress(trace.ops)
    assert time.process_time() - started < 2
    assert same(code, trace.ops)
    assert len(code) < 4000 + 40


def test_names_are_resolved_per_tile():
    trace = Trace()
    for i in range(20):
        trace.add(Opcode.LOAD, remote=Ref("base", 64 * i), target_x=Ref("x"), rows=1, words=1)
    code = compress(trace.ops)
    instantiate = Instantiator()
    one, other = (instantiate(code, {"base": base, "x": base // 100}) for base in (100, 700))
    assert [i["remote"] for i in one if i.opcode == Opcode.LOAD] == [100]
    assert [(i["remote"], i["target_x"]) for i in other if i.opcode == Opcode.LOAD] == [(700, 7)]


def test_a_trace_refuses_what_an_instruction_cannot_hold():
    trace = Trace()
    with pytest.raises(ValueError, match="SYNC has no field 'm'"):
        trace.add(Opcode.SYNC, m=1)
    with pytest.raises(ValueError, match="one of them remote"):
        trace.add(Opcode.SYNC, signals=[Signal(1, (0, 0)), Signal(2, (0, 1))])


def test_long_waits_are_cut_into_syncs():
    trace = Trace()
    trace.add(Opcode.MATMUL, waits=[(1, 130), (2, 1), (3, 0)])
    counts = [dict(op.shape.fields) for op in trace.ops]
    assert [op.shape.opcode for op in trace.ops] == [Opcode.SYNC, Opcode.MATMUL]
    assert [
        (f["wait0_sem"], f["wait0_count"], f["wait1_sem"], f["wait1_count"]) for f in counts
    ] == [(1, 63, 1, 63), (1, 4, 2, 1)]
