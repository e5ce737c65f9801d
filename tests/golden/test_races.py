"""Data races: found where an order is missing, and not where the hardware keeps it."""

import numpy as np
import pytest

from golden.dry import check
from golden.races import RaceError
from isa.assembler import assemble
from tests.golden.mesh import MATMUL, golden, queues, run, small


def races(mesh, programs):
    """What is found in a program of tile (0,0), or in programs by tile."""
    programs = {(0, 0): programs} if isinstance(programs, str) else programs
    return check(small(mesh), {tile: assemble(text) for tile, text in programs.items()}).races


# Three messages in full.


def test_a_load_that_is_not_waited_for():
    """The copy waits for the LOAD's completion, which says that the request is on its way, not for
    its bump.
    """
    [race] = races(
        "1x1",
        """
        .queue load
        load local=0x10 rows=1 words=4 edge=west bump sem=0 signal=1
        halt
        .queue vector
        copy a=0x12 d=0x20 m=1 n=8 wait=1:1
        halt
        """,
    )
    assert str(race) == (
        "race for words 0x12..0x13 of the L1 of tile (0,0): written by LOAD of tile (0,0) queue "
        "load slot 4, and read by COPY of tile (0,0) queue vector slot 2: no path of semaphores "
        "from the arrival of that LOAD's last word in tile (0,0) to that COPY, nor from the "
        "completion of that COPY to that LOAD"
    )


def test_a_buffer_released_in_the_name_of_another_tile():
    """Two buffers for two tiles, but one count for both: two releases of a quick tile pass for one
    of each.
    """
    use = (
        "matmul a=0 b=B c=0x40 lda=1 ldb=1 ldc=1 m=4 n=4 k=4 fmt_a=fp16 fmt_b=fp16 trans_b "
        "wait=W:1 remote=FREE@0,0"
    )
    first, second = (
        use.replace("B", "0x10").replace("W", "0"),
        use.replace("B", "0x20").replace("W", "1"),
    )
    load = (
        "load local=AT local_pitch=1 remote=0 remote_pitch=1 rows=4 words=1 rect=0,0:1,0 "
        "edge=west bump sem=W"
    )
    loads = [
        load.replace("AT", at).replace("W", w)
        for at, w in (("0x10", "0"), ("0x20", "1"), ("0x10", "0"))
    ]

    def found(free):
        uses = "\n".join(
            line.replace("FREE", s)
            for line, s in ((first, free[0]), (second, free[1]), (first, free[0]))
        )
        loader = f".queue load\n{loads[0]}\n{loads[1]}\n{loads[2]} wait={free[0]}:2\nhalt\n"
        matrix = f".queue matrix\n{uses}\nhalt\n"
        return races("2x1", {(0, 0): matrix + loader, (1, 0): matrix})

    assert not found("23")
    near, far = sorted(found("22"), key=lambda race: race.memory)
    assert str(far) == (
        "race for words 0x10..0x13 of the L1 of tile (1,0): read by MATMUL of tile (1,0) queue "
        "matrix slot 1, and written by LOAD of tile (0,0) queue load slot 8: no path of "
        "semaphores from the completion of that MATMUL to that LOAD, nor from the arrival of that "
        "LOAD's last word in tile (1,0) to that MATMUL"
    )
    assert near.memory == (0, 0) and near.first.step.tile == (0, 0)


def test_hbm_read_before_it_is_written():
    """The channel keeps writes apart from reads: completion of a STORE says that it is on
    its way.
    """
    program = """
        .queue out
        store local=0 remote=0x100 rows=1 words=4 edge=west bump sem=1 signal=2
        halt
        .queue load
        load local=0x10 remote=0x102 rows=1 words=4 edge=west wait=SEM:1
        halt
    """
    assert not races("1x1", program.replace("SEM", "1"))
    [race] = races("1x1", program.replace("SEM", "2"))
    assert str(race) == (
        "race for words 0x102..0x103 of HBM channel 0: written by STORE of tile (0,0) queue out "
        "slot 5, and read by LOAD of tile (0,0) queue load slot 3: no path of semaphores from the "
        "acknowledgement of that STORE to that LOAD, nor from the arrival of that LOAD's last "
        "word to that STORE"
    )


# Pairs: what keeps an order, and what does not.

REDUCE = "reduce local={} remote={} rows=1 words=4 rect=0,0:1,0 target={},0 {}"


def both(**code):
    return {(x, 0): queues(**code) for x in (0, 1)}


ORDERED = {
    "vector: strictly in order": queues(
        vector=["fill d=1 m=1 n=4", "copy a=1 d=2 m=1 n=4", "fill d=1 m=1 n=4"]
    ),
    "matrix: results in order, operands before later results": queues(
        matrix=[
            MATMUL.format(0, 4, 8, ""),
            MATMUL.format(0, 4, 8, ""),
            MATMUL.format(20, 24, 0, ""),
        ]
    ),
    "matrix: a result through a semaphore": queues(
        matrix=[MATMUL.format(0, 4, 8, "signal=1"), MATMUL.format(8, 4, 0, "wait=1:1")]
    ),
    "matrix: SYNC with a signal drains": queues(
        matrix=[MATMUL.format(0, 4, 8, ""), "sync signal=3"], vector=["fill d=0 m=1 n=16 wait=3:1"]
    ),
    "matrix: completion in order": queues(
        matrix=[MATMUL.format(0, 4, 8, ""), MATMUL.format(20, 24, 28, "signal=1")],
        vector=["copy a=8 d=0 m=4 n=4 lda=1 wait=1:1"],
    ),
    "out: sent, so it may be overwritten": queues(
        out=["put local=0 remote=8 rows=1 words=4 rect=1,0:1,0 signal=1"],
        vector=["fill d=0 m=1 n=16 wait=1:1"],
    ),
    "loads of a tile from a channel": queues(
        load=[
            "load local=0 rows=1 words=4 edge=west",
            "load local=4 rows=1 words=4 edge=west bump sem=0",
        ],
        vector=["copy a=0 d=8 m=1 n=16 wait=0:1"],
    ),
    "stores of a tile to a channel": queues(
        out=[
            "store local=0 remote=4 rows=1 words=4 edge=west",
            "store local=4 remote=4 rows=1 words=4 edge=west bump sem=0",
        ],
        load=["load local=8 remote=4 rows=1 words=4 edge=west wait=0:1"],
    ),
    "hbm: overwritten once it was read": queues(
        load=["load local=8 remote=4 rows=1 words=4 edge=west bump sem=0"],
        out=["store local=0 remote=4 rows=1 words=4 edge=west wait=0:1"],
    ),
    "a put, and a signal behind it": {
        (0, 0): queues(out=["put local=0 remote=8 rows=1 words=4 rect=1,0:1,0 remote=1@1,0"]),
        (1, 0): queues(vector=["copy a=8 d=0 m=1 n=16 wait=1:1"]),
    },
    "a sum over the root's own part": both(out=[REDUCE.format(8, 8, 0, "bump sem=1")]),
    "a maximum after the own contribution": both(
        vector=["copy a=8 d=0 m=1 n=16", "rowmax a=0 s=4 m=1 n=4 signal=0"],
        out=[REDUCE.format(4, 8, 0, "turn op=max wait=0:1")],
    ),
    "a result after all that is before it in the out queue": {
        (x, 0): queues(
            out=[
                f"put local=20 remote=30 rows=1 words=4 rect={x},0:{x},0",
                REDUCE.format(4, 8, 1, "turn bump sem=1"),
            ],
            vector=["fill d=20 m=1 n=16 wait=1:1"],
        )
        for x in (0, 1)
    },
    "bumps of several tiles, all of them needed": {
        (0, 0): queues(
            matrix=[MATMUL.format(0, 4, 8, "signal=1")],
            load=["load local=0 rows=1 words=4 edge=west wait=1:2"],
        ),
        (1, 0): queues(matrix=[MATMUL.format(0, 4, 8, "remote=1@0,0")]),
    },
    "either of two bumps, both behind the same": queues(
        vector=["copy a=0 d=9 m=1 n=4 signal=1,2"],
        matrix=["sync wait=1:1 signal=3"],
        out=["sync wait=2:1 signal=3"],
        load=["load local=0 rows=1 words=1 edge=west wait=3:1", "sync wait=3:1"],
    ),
    "turns at one semaphore": queues(
        vector=["fill d=0 m=1 n=4 signal=1", "fill d=0 m=1 n=4 wait=2:1 signal=1"],
        out=[
            "put local=0 remote=8 rows=1 words=1 rect=0,0:0,0 wait=1:1 signal=2",
            "store local=0 rows=1 words=1 edge=west wait=1:1",
        ],
    ),
}

RACES = {
    "matrix: reads ahead of results": queues(
        matrix=[MATMUL.format(0, 4, 8, ""), MATMUL.format(8, 4, 0, "")]
    ),
    "matrix: accumulates on what is not written": queues(
        matrix=[MATMUL.format(0, 4, 8, ""), MATMUL.format(0, 4, 8, "accumulate")]
    ),
    "matrix: a wait alone does not drain": queues(
        matrix=[MATMUL.format(0, 4, 8, ""), "sync wait=3:1"], vector=["fill d=0 m=1 n=16 signal=3"]
    ),
    "matrix: a block over the next one's operands": queues(
        matrix=["matmul a=0 b=40 c=4 lda=1 ldb=1 ldc=1 m=24 n=4 k=4 fmt_a=fp16 fmt_b=fp16"]
    ),
    "vector: reads ahead in a row": queues(vector=["copy a=1 d=0 m=2 n=16 lda=4 ldd=4"]),
    "out: not sent": queues(
        out=["put local=0 remote=8 rows=1 words=4 rect=1,0:1,0"], vector=["fill d=0 m=1 n=16"]
    ),
    "loads from two channels": queues(
        load=[
            "load local=0 rows=1 words=4 target=0,0 edge=west",
            "load local=4 rows=1 words=4 target=1,0 edge=south bump sem=0",
        ],
        vector=["copy a=0 d=8 m=1 n=16 wait=0:1"],
    ),
    "a word of a load before the last one": queues(
        load=["load local=0 rows=1 words=4 edge=west signal=0"],
        vector=["fill d=0 m=1 n=4 wait=0:1"],
    ),
    "hbm: overwritten before it was read": queues(
        load=["load local=8 remote=4 rows=1 words=4 edge=west signal=0"],
        out=["store local=0 remote=4 rows=1 words=4 edge=west wait=0:1"],
    ),
    "hbm: two tiles": both(out=["store local=0 remote=4 rows=1 words=4 edge=west"]),
    "a signal of another tile does not tell of a put": {
        (0, 0): queues(
            out=["put local=0 remote=8 rows=1 words=4 rect=0,0:1,0 bump sem=2"],
            vector=["sync wait=2:1 remote=1@2,0"],
        ),
        (1, 0): queues(vector=["copy a=8 d=0 m=1 n=16 wait=1:1"], out=["sync wait=2:1"]),
        (2, 0): queues(vector=["sync wait=1:1 remote=1@1,0"]),
    },
    "a sum over the root's own part, shifted": both(out=[REDUCE.format(8, 9, 0, "bump sem=1")]),
    "two of three bumps, any": {
        (0, 0): queues(
            matrix=[MATMUL.format(0, 4, 8, "signal=1"), MATMUL.format(0, 4, 8, "signal=1")],
            load=["load local=0 rows=1 words=4 rect=0,0:1,0 edge=west wait=1:2", "sync wait=1:1"],
        ),
        (1, 0): queues(matrix=[MATMUL.format(0, 4, 8, "remote=1@0,0")]),
    },
    "two queues at one semaphore": queues(
        vector=["fill d=0 m=1 n=4 signal=1", "fill d=9 m=1 n=4 signal=1"],
        out=["put local=0 remote=8 rows=1 words=1 rect=0,0:0,0 wait=1:1"],
        matrix=[MATMUL.format(9, 9, 12, "wait=1:1")],
    ),
}


@pytest.mark.parametrize("name", ORDERED)
def test_ordered(name):
    assert not [str(race) for race in races("2x1", ORDERED[name])]


@pytest.mark.parametrize("name", RACES)
def test_races(name):
    assert races("3x1", RACES[name])


def test_the_machine_looks_only_if_told_to():
    code = queues(
        load=["load local=0 rows=1 words=1 edge=west signal=0"],
        vector=["sync wait=0:1", "loop imm=3", "copy a=0 d=1 m=1 n=4", "end"],
    )
    run("1x1", code)
    machine = golden("1x1", code)
    with pytest.raises(
        RaceError,
        match=r"^tile \(0,0\) queue vector pc 4: race for word 0x0 .* slot 4, 3 times: no path",
    ) as caught:
        type(machine)(
            machine.machine,
            {(0, 0): assemble(code)},
            [np.zeros(0, np.uint32)] * 2,
            races=True,
            seed=3,
        ).run()
    [race] = caught.value.races
    assert (race.words, race.times, race.memory) == ([0], 3, (0, 0))
