"""Collectives as tile programs give the right bits on the golden machine, by every method, in every
order of events.
"""

import dataclasses

import numpy as np
import pytest

from golden.machine import GoldenMachine
from isa.errors import UserError
from isa.geometry import Rectangle
from isa.instructions import ReduceOp
from isa.machine import load_machine
from programs.collectives.collective import (
    KINDS,
    METHODS,
    Collective,
    CollectiveSemaphores,
    methods_of,
    vector_words,
)
from programs.collectives.emit import emit, scratch_words
from programs.collectives.trees import tree_of
from programs.common.code import Code
from tb.collectives.expect import expected

SOURCE, TARGET, SCRATCH = 16, 1250, 2000
RACES = (7, 13, 37)
"""Lengths at which programs are searched for data races."""
SETS = [  # mesh, rectangle, root
    ("1x1", (0, 0, 0, 0), (0, 0)),
    ("4x1", (0, 0, 3, 0), (0, 0)),
    ("5x3", (1, 0, 4, 0), (3, 0)),
    ("1x4", (0, 0, 0, 3), (0, 2)),
    ("3x2", (0, 0, 2, 1), (1, 1)),
    ("5x3", (0, 0, 4, 2), (0, 0)),
    ("5x3", (1, 1, 3, 2), (2, 2)),
]
OUTSIDE = [
    ("5x3", (1, 1, 3, 2), (0, 0)),
    ("5x3", (2, 0, 2, 2), (4, 1)),
    ("4x1", (1, 0, 2, 0), (3, 0)),
    ("3x2", (0, 0, 0, 0), (2, 1)),
]


def run(machine, collectives, *, seed=None, races=False):
    """Run collectives one after the other on random words, separated by nothing; return what is in
    L1.
    """
    code = Code(machine)
    for c in collectives:
        emit(code, c)
    golden = GoldenMachine(
        machine,
        code.programs(),
        [np.zeros(0, np.uint8) for _ in machine.channels],
        seed=seed,
        races=races,
    )
    random = np.random.default_rng(5)
    sources = {}
    for tile, memory in golden.l1.items():
        values = random.normal(size=1200 * machine.tile.word_bytes // 4).astype(np.float32)
        memory.view(np.float32)[SOURCE * machine.tile.word_bytes // 4 :][: len(values)] = values
        sources[tile] = values
    golden.run()
    return golden, sources


def check(mesh, c, *, seed=None):
    machine = load_machine("mesh4", mesh)
    golden, sources = run(machine, [c], seed=seed, races=seed is None and c.words in RACES)
    each = machine.tile.word_bytes // 4
    for tile, values in expected(
        c, {tile: words[: c.words * each] for tile, words in sources.items()}
    ).items():
        seen = golden.l1[tile].view(np.float32)[c.target * each :][: c.words * each]
        assert np.array_equal(seen.view(np.uint32), values.view(np.uint32)), (
            f"tile {tile} after {c}"
        )
    inside = c.rectangle.tiles()
    for tile, counts in golden.semaphores.items():
        done = counts[c.semaphores.done]
        gets = tile == c.root if c.kind == "reduce" else tile in inside
        assert done == gets, f"tile {tile} has {done} counts of done"
        assert sum(counts) == done, f"tile {tile} is left with semaphores {counts}"


def collective(kind, method, rectangle, root, words, **more):
    return Collective(
        kind,
        method,
        Rectangle(*rectangle),
        root,
        words,
        source=SOURCE,
        target=TARGET,
        scratch=SCRATCH,
        tag=3,
        **more,
    )


@pytest.mark.parametrize("words", [1, 2, 7, 64])
@pytest.mark.parametrize(("mesh", "rectangle", "root"), SETS)
@pytest.mark.parametrize("method", METHODS[:-1])
def test_every_method_over_every_set(method, mesh, rectangle, root, words):
    for kind in (kind for kind in KINDS if method in methods_of(kind)):
        for seed in (None, 1):
            check(mesh, collective(kind, method, rectangle, root, words), seed=seed)


@pytest.mark.parametrize(("mesh", "rectangle", "root"), OUTSIDE)
@pytest.mark.parametrize("method", methods_of("multicast"))
def test_roots_outside(method, mesh, rectangle, root):
    for kind in ("multicast", "reduce", *(["allreduce"] if method == "hardware" else [])):
        check(mesh, collective(kind, method, rectangle, root, 9, segment=4), seed=2)


@pytest.mark.parametrize("words", [8, 9, 13, 64, 1000])
@pytest.mark.parametrize(
    ("mesh", "rectangle", "root"),
    [
        ("4x1", (0, 0, 3, 0), (0, 0)),
        ("4x1", (1, 0, 2, 0), (2, 0)),
        ("4x2", (0, 0, 3, 1), (2, 1)),
        ("2x2", (0, 0, 1, 1), (0, 1)),
    ],
)
def test_halving(mesh, rectangle, root, words):
    for kind in ("reduce", "allreduce"):
        for seed in (None, 1, 2):
            c = dataclasses.replace(
                collective(kind, "halving", rectangle, root, words), target=1100, scratch=2200
            )
            check(mesh, c, seed=seed)


def test_halving_needs_enough_words_and_a_power_of_two():
    machine = load_machine("mesh4", "5x3")
    with pytest.raises(
        UserError, match=r"^recursive halving takes a power of two of tiles, not 3$"
    ):
        emit(Code(machine), collective("reduce", "halving", (0, 0, 2, 0), (0, 0), 8))
    with pytest.raises(
        UserError, match=r"^recursive halving over 4 tiles takes at least as many words, not 3$"
    ):
        emit(Code(machine), collective("reduce", "halving", (0, 0, 3, 0), (0, 0), 3))


@pytest.mark.parametrize("slots", [None, 1, 2, 4])
@pytest.mark.parametrize(
    ("words", "segment"), [(64, 4), (65, 4), (100, 1), (37, 9), (8, 8), (48, 4)]
)
@pytest.mark.parametrize("method", ["unicast", "chain", "comb", "tree"])
def test_segments_and_buffers(method, words, segment, slots):
    for kind in ("multicast", "reduce", "allreduce"):
        check(
            "5x3",
            collective(kind, method, (0, 1, 3, 2), (1, 1), words, segment=segment, slots=slots),
        )


def test_maxima_and_long_words():
    for method in METHODS:
        check("4x1", collective("allreduce", method, (0, 0, 3, 0), (1, 0), 400, op=ReduceOp.MAX))


def test_rows_longer_than_a_vector_instruction_are_cut():
    machine = load_machine("mesh4", "4x1")
    words = vector_words(machine) + 5
    c = dataclasses.replace(
        collective("reduce", "chain", (0, 0, 3, 0), (0, 0), words),
        source=0,
        target=1100,
        scratch=2200,
    )
    code = Code(machine)
    emit(code, c)
    golden = GoldenMachine(
        machine, code.programs(), [np.zeros(0, np.uint8) for _ in machine.channels]
    )
    for memory in golden.l1.values():
        memory.view(np.float32)[: 4 * words] = 1
    golden.run()
    assert (golden.l1[0, 0].view(np.float32)[4 * 1100 :][: 4 * words] == 4).all()


def test_many_children_share_semaphores():
    few = CollectiveSemaphores(0, arrive=(4, 5))
    check("5x3", collective("reduce", "unicast", (0, 0, 4, 2), (2, 1), 10, semaphores=few), seed=3)
    with pytest.raises(
        UserError, match="14 children in segments need as many semaphores, there are 2"
    ):
        check(
            "5x3",
            collective("reduce", "unicast", (0, 0, 4, 2), (2, 1), 10, semaphores=few, segment=2),
        )


def test_several_in_a_row_reuse_everything_but_tags():
    machine = load_machine("mesh4", "3x2")
    done = []
    for i, method in enumerate(("hardware", "chain", "tree")):
        c = collective("allreduce", method, (0, 0, 2, 1), (0, 0), 8)
        done.append(dataclasses.replace(c, tag=i, target=TARGET + 8 * i, scratch=SCRATCH + 100 * i))
    golden, sources = run(machine, done)
    each = machine.tile.word_bytes // 4
    for c in done:
        for tile, values in expected(
            c, {tile: words[: c.words * each] for tile, words in sources.items()}
        ).items():
            seen = golden.l1[tile].view(np.float32)[c.target * each :][: c.words * each]
            assert np.array_equal(seen.view(np.uint32), values.view(np.uint32))


def test_programs_stay_short():
    machine = load_machine("mesh4", "4x1")
    for method in ("chain", "tree"):
        code = Code(machine)
        emit(
            code,
            dataclasses.replace(
                collective("allreduce", method, (0, 0, 3, 0), (0, 0), 1000, segment=8), target=1100
            ),
        )
        assert max(code.slots(tile) for tile in Rectangle(0, 0, 3, 0).tiles()) < 70


def test_binary_trees_halve():
    for rectangle in (Rectangle(0, 0, 7, 0), Rectangle(0, 0, 7, 7), Rectangle(1, 0, 5, 2)):
        tree = tree_of("tree", rectangle, rectangle[:2])
        tiles = len(rectangle.tiles())
        assert len(tree.parent()) == tiles - 1
        assert tree.depth <= (tiles - 1).bit_length()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            {"kind": "gather"},
            "collective must be one of multicast, reduce, allreduce, not 'gather'",
        ),
        (
            {"method": "ring"},
            "method of a multicast must be one of hardware, unicast, chain, comb, tree, not 'ring'",
        ),
        ({"method": "doubling"}, "method of a multicast must be .*, not 'doubling'"),
        (
            {"rectangle": Rectangle(2, 0, 1, 0)},
            r"rectangle \(2,0\)\.\.\(1,0\) must be in the 4x1 mesh and not empty",
        ),
        (
            {"rectangle": Rectangle(0, 0, 4, 0)},
            r"rectangle \(0,0\)\.\.\(4,0\) must be in the 4x1 mesh and not empty",
        ),
        ({"root": (0, 1)}, r"root \(0, 1\) must be in the 4x1 mesh"),
        ({"words": 0}, "a collective of 0 words needs L1"),
        ({"words": 4096}, "a collective of 4096 words needs L1 up to word 5346, there are 4096"),
        ({"slots": 3}, "receive buffers per child must be 1, 2, 4 or one per segment, not 3"),
        (
            {"words": 512, "segment": 1},
            "512 segments overflow a semaphore of 8 bits: use longer ones",
        ),
    ],
)
def test_bad_collectives_get_one_line(change, message):
    c = dataclasses.replace(collective("multicast", "chain", (0, 0, 3, 0), (0, 0), 8), **change)
    with pytest.raises(UserError, match=f"^{message}"):
        emit(Code(load_machine("mesh4", "4x1")), c)


@pytest.mark.parametrize(
    ("kind", "method", "what"),
    [
        ("allreduce", "tree", "software all-reduce"),
        ("allreduce", "halving", "software all-reduce"),
        ("reduce", "halving", "reduce by halving"),
    ],
)
def test_a_root_that_must_be_inside(kind, method, what):
    with pytest.raises(UserError, match=rf"^root \(3, 0\) of a {what} must be in its rectangle"):
        emit(Code(load_machine("mesh4", "4x1")), collective(kind, method, (0, 0, 1, 0), (3, 0), 8))


def test_buffers_are_as_large_as_said():
    machine = load_machine("mesh4", "4x1")
    assert scratch_words(machine, collective("reduce", "tree", (0, 0, 3, 0), (0, 0), 64)) == 2 * 64
    assert (
        scratch_words(
            machine, collective("reduce", "chain", (0, 0, 3, 0), (0, 0), 64, segment=8, slots=2)
        )
        == 16
    )
    assert scratch_words(machine, collective("multicast", "tree", (0, 0, 3, 0), (0, 0), 64)) == 0
