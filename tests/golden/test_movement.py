"""LOAD, STORE, PUT and REDUCE between HBM and L1s: who gets which words, and in which order
reductions combine.
"""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from golden.errors import GoldenError
from golden.reduction import combine
from golden.statistics import CollectiveRecord
from isa.geometry import Rectangle
from isa.instructions import ReduceOp
from isa.status import ErrorCode
from tests.golden.mesh import golden, read, run, small, write

SEEDS = [None, 0, 1, 2]


def words(count, start=0):
    """Words (of 16 bytes) that all differ."""
    return np.arange(start, start + 4 * count, dtype=np.uint32).reshape(count, 4)


@pytest.mark.parametrize("seed", SEEDS)
def test_load_multicasts_rows_to_a_rectangle(seed):
    channel = {c.index: words(64, 1000 * c.index) for c in small("3x2").channels}
    program = """
        .queue load
        li rd=r1 imm=3
        load local=0x20 local_pitch=5 remote=7+r1 remote_pitch=11 rows=3 words=2 \
            rect=1,0:2,1 target=0,1 bump sem=4 tag=9
        halt
    """
    wait = ".queue vector\nhalt wait=4:1 signal=5"
    machine = run("3x2", {(0, 0): program, (1, 0): wait, (2, 1): wait}, channel, seed)
    for x, y in np.ndindex(3, 2):
        memory = read(machine, (x, y), 0, 4 * 4096, np.uint32).reshape(4096, 4)
        expected = np.zeros_like(memory)
        if x >= 1:
            for row in range(3):
                expected[0x20 + 5 * row : 0x22 + 5 * row] = channel[1][
                    10 + 11 * row : 12 + 11 * row
                ]
        assert np.array_equal(memory, expected)
        assert machine.semaphores[x, y][4] == (1 if (x, y) in [(2, 0), (1, 1)] else 0)
    assert machine.statistics.hbm_words_read == [0, 6, 0, 0, 0]
    assert machine.statistics.collectives == [
        CollectiveRecord(9, "load", None, (0, 1), Rectangle(1, 0, 2, 1), 6)
    ]


@pytest.mark.parametrize("seed", SEEDS)
def test_store_is_acknowledged_after_it_is_in_hbm(seed):
    machine = golden(
        "2x2",
        {
            (1, 1): """
        .queue out
        store local=4 local_pitch=2 remote=100 remote_pitch=3 rows=2 words=2 \
            target=0,0 edge=south bump sem=2 signal=3
        sync wait=2:1 remote=6@0,1
        halt
        """,
            (0, 1): """
        .queue load
        load local=0 local_pitch=3 remote=100 remote_pitch=3 rows=2 words=3 \
            rect=0,1:0,1 target=0,0 edge=south wait=6:1
        halt
    """,
        },
        seed=seed,
    )
    data = words(4, 50)
    write(machine, (1, 1), 4, data)
    machine.run()
    expected = np.zeros((6, 4), np.uint32)
    expected[[0, 1, 3, 4]] = data
    assert np.array_equal(machine.hbm[2][100:106], expected)
    assert np.array_equal(read(machine, (0, 1), 0, 24, np.uint32).reshape(6, 4), expected)
    assert machine.semaphores[1, 1][2:4] == [0, 1]
    assert machine.statistics.hbm_words_written == [0, 0, 4, 0]
    assert machine.statistics.hbm_words_read == [0, 0, 6, 0]
    assert not machine.statistics.collectives


@pytest.mark.parametrize("seed", SEEDS)
def test_put_writes_at_every_receiver_itself_included(seed):
    put = (
        "put local=0 local_pitch=1 remote=0x10 remote_pitch=2 rows=2 words=1 rect=0,0:1,1 bump "
        "sem=1 tag=3 signal=2"
    )
    machine = golden("2x2", {(1, 0): f".queue out\n{put}\nhalt"}, seed=seed)
    write(machine, (1, 0), 0, words(2, 7))
    machine.run()
    for x, y in np.ndindex(2, 2):
        assert np.array_equal(
            read(machine, (x, y), 0x10, 12, np.uint32).reshape(3, 4)[::2], words(2, 7)
        )
        assert machine.semaphores[x, y][1] == 1
    assert machine.semaphores[1, 0][2] == 1
    assert machine.statistics.collectives == [
        CollectiveRecord(3, "put", None, (1, 0), Rectangle(0, 0, 1, 1), 2)
    ]


def tree_sum(members, rectangle, root):
    """The order of the routers written as chains: columns towards the root's row, then that row
    towards the root.
    """
    x0, y0, x1, y1 = rectangle
    root_x, root_y = root

    def plus(a, b):
        return b if a is None else a if b is None else a + b

    def column(x, ys):
        """The farthest first; at each router its own member comes before what arrives."""
        total = None
        for y in ys:
            total = plus(members.get((x, y)), total)
        return total

    def router(x, *arriving):
        total = members.get((x, root_y))
        south = column(x, range(y0, min(root_y, y1 + 1))) if x0 <= x <= x1 else None
        north = column(x, range(y1, max(root_y, y0 - 1), -1)) if x0 <= x <= x1 else None
        for part in (*arriving, south, north):
            total = plus(total, part)
        return total

    west = east = None
    for x in range(x0, root_x):
        west = router(x, west)
    for x in range(x1, root_x, -1):
        east = router(x, east)
    return router(root_x, west, east)


RECTANGLES = st.tuples(*[st.integers(0, 4)] * 6)


@settings(max_examples=300)
@given(RECTANGLES, st.integers(0, 1 << 32))
def test_sums_combine_in_the_order_of_the_tree(place, seed):
    xa, ya, xb, yb, root_x, root_y = place
    rectangle = Rectangle(min(xa, xb), min(ya, yb), max(xa, xb), max(ya, yb))
    rng = np.random.default_rng(seed)
    members = {
        tile: np.exp(rng.normal(scale=5, size=4)).astype(np.float32) for tile in rectangle.tiles()
    }
    out = combine(members, rectangle, (root_x, root_y), ReduceOp.SUM)
    assert np.array_equal(out, tree_sum(members, rectangle, (root_x, root_y)))
    top = combine(members, rectangle, (root_x, root_y), ReduceOp.MAX)
    assert np.array_equal(top, np.max(list(members.values()), axis=0))


def test_a_lone_member_arrives_with_its_bits():
    bits = np.array([0x7FA00001, 0xFFFFFFFF, 0x80000000, 1], np.uint32).view(np.float32)
    assert combine({(0, 0): bits}, Rectangle(0, 0, 0, 0), (3, 2), ReduceOp.SUM).view(
        np.uint32
    ).tolist() == [0x7FA00001, 0xFFFFFFFF, 0x80000000, 1]


REDUCE = (
    "reduce local=0 local_pitch=1 remote=0x20 remote_pitch=3 rows=2 words=1 bump sem=1 signal=2"
)


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("turn", [False, True])
@pytest.mark.parametrize("op", ["sum", "max"])
@pytest.mark.parametrize(
    ("rectangle", "root"), [((0, 0, 2, 1), (1, 0)), ((1, 0, 1, 1), (1, 1)), ((0, 1, 1, 1), (2, 0))]
)
def test_reduce_on_a_mesh(seed, turn, op, rectangle, root):
    rectangle = Rectangle(*rectangle)
    x0, y0, x1, y1 = rectangle
    line = (
        f"{REDUCE} rect={x0},{y0}:{x1},{y1} target={root[0]},{root[1]} op={op} tag=5 "
        f"{'turn' if turn else ''}"
    )
    # The source is copied when the reduction is posted: the second one sends something else.
    text = f".queue out\n{line}\n{line.replace('0x20', '0x30')} wait=3:1\nhalt\n.queue vector\n"
    text += "fill d=0 m=1 n=8 imm=1.0 fmt_d=fp32 wait=2:1 signal=3\nhalt"
    machine = golden("3x2", {tile: text for tile in rectangle.tiles()}, seed=seed)
    rng = np.random.default_rng(3)
    members = {tile: rng.normal(size=8).astype(np.float32) for tile in rectangle.tiles()}
    for tile, values in members.items():
        write(machine, tile, 0, values)
    machine.run()
    receivers = rectangle.tiles() if turn else [root]
    expected = combine(members, rectangle, root, ReduceOp[op.upper()])
    for tile in np.ndindex(3, 2):
        here = read(machine, tile, 0x20, 16).reshape(4, 4)
        again = read(machine, tile, 0x30, 16).reshape(4, 4)
        if tile in receivers:
            assert np.array_equal(here[[0, 3]], expected.reshape(2, 4))
            assert (again[[0, 3]] == (len(members) if op == "sum" else 1)).all()
        else:
            assert not here.any() and not again.any()
        assert machine.semaphores[tile][1] == (2 if tile in receivers else 0)
    kind = "allreduce" if turn else "reduce"
    assert machine.statistics.collectives == [CollectiveRecord(5, kind, op, root, rectangle, 2)] * 2


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ("op=max", "op 1 here, 0 at"),
        ("rows=1", "rows 1 here, 2 at"),
        ("words=2", "words 2 here"),
        ("turn", "turn True here"),
        ("remote=0x21", "remote 33 here, 32 at"),
        ("sem=2", "semaphore 2 here, 1 at"),
    ],
)
def test_members_that_disagree(change, said):
    line = f"{REDUCE} rect=0,0:1,0 target=0,0 tag=77".replace("sem=1 signal=2", "sem=1")
    name = change.split("=")[0]
    other = (
        f"{line} {change}"
        if name not in line
        else " ".join(w for w in line.split() if not w.startswith(name + "="))
    )
    other = other if change in other else f"{other} {change}"
    with pytest.raises(
        GoldenError, match=rf"REDUCE_MISMATCH: reduction tag 77: .*{said}"
    ) as caught:
        run("2x1", {(0, 0): f".queue out\n{other}\nhalt", (1, 0): f".queue out\n{line}\nhalt"})
    assert (caught.value.code, caught.value.tile, caught.value.detail) == (
        ErrorCode.REDUCE_MISMATCH,
        (0, 0),
        77,
    )


def test_reductions_in_opposite_orders_are_refused():
    first, second = (
        f"reduce remote=1 rows=1 words=1 rect=0,0:1,0 target={x},0 tag={x + 1}" for x in (0, 1)
    )
    with pytest.raises(
        GoldenError, match=r"conflicting orders: tag \d before tag \d before tag \d"
    ):
        run(
            "2x1",
            {
                (0, 0): f".queue out\n{first}\n{second}\nhalt",
                (1, 0): f".queue out\n{second}\n{first}\nhalt",
            },
        )
    run("2x1", f".queue out\n{first}\n{second}\n{first}\nhalt")


def test_a_race_shows_in_some_order_of_events():
    """The copy does not wait for the data."""
    program = """
        .queue load
        load local=0 rows=1 words=1 edge=west bump sem=1 signal=2
        halt
        .queue vector
        copy a=0 d=1 m=1 n=4 wait=SEM:1
        halt
    """
    ones = {0: np.ones(4, np.float32).view(np.uint32)}
    for semaphore, outcomes in ((1, {1}), (2, {0, 1})):
        text = program.replace("SEM", str(semaphore))
        assert {
            float(read(run("1x1", text, ones, seed), (0, 0), 1, 1)[0]) for seed in range(20)
        } == outcomes


def test_inputs_are_checked_and_copied():
    data = words(2)
    machine = run(
        "1x1", ".queue out\nstore local=9 rows=1 words=1 edge=west\nhalt", {0: data.view(np.uint8)}
    )
    assert not machine.hbm[0][0].any() and data[0].any()
    with pytest.raises(ValueError, match=r"hbm\[0\] must be whole words"):
        run("1x1", {}, {0: np.zeros(17, np.uint8)})
    with pytest.raises(ValueError, match=r"images must name tiles of the 1x1 mesh, not \(1, 0\)"):
        run("1x1", {(1, 0): ""})
