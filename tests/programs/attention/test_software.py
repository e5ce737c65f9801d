"""flat-seq and flat-tree: the same attention with collectives in software, on the golden
machine.
"""

from collections import Counter

import numpy as np
import pytest

from golden.dry import check
from golden.errors import GoldenError
from isa.errors import UserError
from isa.image import Program
from isa.instructions import Opcode, Queue
from isa.machine import MACHINES, load_machine
from programs.attention.compile import compile_attention
from programs.attention.layout import AttentionLayout
from programs.attention.mapping import DATAFLOWS, SOFTWARE
from programs.attention.tiling import estimate_attention, rank_attention
from programs.attention.tree_positions import TreePosition, position
from programs.attention.workload import parse_attention
from programs.common.loops import expand
from tests.programs.attention.test_variants import run

CASES = [
    ("1x4", "mha:S=40,D=16,H=2", {}),  # nothing to reduce
    ("4x1", "mha:S=40,D=16,H=2", {}),  # no K and V to pass on
    ("5x3", "mha:S=100,D=24,H=3", {"group": "5x3"}),
    ("6x2", "gqa:S=43,D=16,H=6,Hkv=2,causal=1", {"group": "6x2", "rows": 24, "columns": 5}),
    ("3x2", "mha:Sq=37,Skv=61,D=17,Dv=9,H=3", {"group": "3x2", "rows": 6, "columns": 11}),
    ("3x2", "mha:Sq=13,Skv=7,D=5,H=2", {"group": "3x2", "rows": 2, "columns": 2}),
    ("3x2", "mha:Sq=1,Skv=2,D=8,H=1", {"group": "3x2"}),  # tiles without rows, and without keys
    ("3x2", "mha:Sq=50,Skv=20,D=8,H=2,causal=1", {}),  # thirty queries see nothing
    ("4x2", "mha:B=3,H=3,Sq=20,Skv=70,D=24,len=11/70/60,causal=1", {"group": "4x2"}),
    ("4x1", "gqa:B=3,H=6,Hkv=2,Sq=1,Skv=90,D=24,len=17/90/1", {}),
    ("4x4", "mla:B=2,H=4,sp=2,Skv=50,D=40,Dv=32,causal=1,len=50/13", {"group": "4x4"}),
    ("4x2", "mla:S=41,D=24,Dv=24,H=3,causal=1", {"group": "4x2", "rows": 6, "columns": 5}),
    (
        "3x2",
        "mqa:B=2,H=6,Sq=1,Skv=80,D=24",
        {"group": "6x1"},
    ),  # a row folded over two rows of tiles
    ("2x4", "mqa:H=6,sp=3,Skv=75,D=24", {"group": "2x4"}),
]


def instructions(compiled):
    """All of a compilation, by tile, unrolled."""
    return {
        tile: [i for queue in Queue for i in expand(program.queues[queue])]
        for tile, program in compiled.programs.items()
    }


@pytest.mark.parametrize("dataflow", SOFTWARE)
@pytest.mark.parametrize(("mesh", "spec", "fixed"), CASES)
def test_any_workload_in_any_order(mesh, spec, fixed, dataflow):
    first, statistics, compiled = run(mesh, spec, dataflow, **fixed)
    assert np.array_equal(first, run(mesh, spec, dataflow, seed=1, **fixed)[0])
    assert not [str(race) for race in check(compiled.machine, compiled.programs).races]
    assert not statistics.collectives
    for code in instructions(compiled).values():
        assert not any(i.opcode == Opcode.REDUCE for i in code)
        moves = [i for i in code if i.opcode in (Opcode.LOAD, Opcode.PUT)]
        assert all((i["x0"], i["y0"]) == (i["x1"], i["y1"]) for i in moves)


@pytest.mark.parametrize(("dataflow", "most"), [("flat-seq", 7), ("flat-tree", 3)])
def test_who_sends_how_often(dataflow, most):
    """A column of eight tiles, one K: its loader sends to all, or to three that send on."""
    machine = load_machine("mesh4", "1x8")
    compiled = compile_attention(
        machine, parse_attention("mha:S=64,D=16,H=1"), dataflow, group="1x8", columns=64
    )
    sent = Counter(
        tile
        for tile, code in instructions(compiled).items()
        for i in code
        if i.opcode == Opcode.PUT and i["tag"] == 1
    )
    assert sum(sent.values()) == 7 and max(sent.values()) == most
    assert len(sent) == (1 if dataflow == "flat-seq" else 4)


def test_places_in_a_tree():
    assert position("unicast", 4, 1, 1) == TreePosition((False, False, False))
    assert position("unicast", 4, 1, 0) == TreePosition((), 1, 3)
    assert position("tree", 4, 0, 0) == TreePosition((True, False))
    assert position("tree", 4, 0, 2) == TreePosition((False,), 0, 2)
    assert position("tree", 1, 0, 0) == TreePosition()


def test_software_takes_memory_for_what_arrives():
    machine, workload = MACHINES["mesh4"], parse_attention("mha:S=512,D=64,H=4")
    fixed = {"group": "4x4", "rows": 32, "columns": 64}
    words = {
        dataflow: AttentionLayout(
            machine.tile, workload, rank_attention(machine, workload, dataflow, **fixed)[0]
        ).words
        for dataflow in ("flat", *SOFTWARE)
    }
    segments = 2 * 64
    assert words["flat-tree"] - words["flat"] == segments + 2 * 8, (
        "two children, 32 rows in 8 words"
    )
    assert words["flat-seq"] - words["flat"] == segments + 3 * 8, "three"


@pytest.mark.parametrize("spec", ["mha:S=128,D=64,H=4", "gqa:H=32,Hkv=8,Sq=1,Skv=256,D=64"])
def test_software_is_never_thought_to_be_faster(spec):
    machine, workload = MACHINES["mesh4"], parse_attention(spec)
    assert not any(mapping.in_software for mapping in rank_attention(machine, workload))
    best = [
        min(estimate_attention(machine, workload, m) for m in rank_attention(machine, workload, f))
        for f in ("flat", "flat-tree", "flat-seq")
    ]
    assert best == sorted(best)


@pytest.mark.parametrize("dataflow", SOFTWARE)
def test_programs_do_not_grow_with_the_workload(dataflow):
    fixed = {"group": "4x4", "rows": 32, "columns": 32}
    few, many = (
        max(
            map(
                len,
                compile_attention(
                    MACHINES["mesh4"], parse_attention(spec), dataflow, **fixed
                ).programs.values(),
            )
        )
        for spec in ("mha:S=512,D=16,H=4", "mha:S=1024,D=16,H=4")
    )
    assert many <= few <= 200


def test_long_rows_share_semaphores():
    """Fifteen children in a row of sixteen, and fewer semaphores: they are told apart as far as it
    matters.
    """
    first, _, compiled = run("16x1", "mha:S=32,D=8,H=2", "flat-seq", group="16x1")
    assert 1 < sum(name.startswith("max_in") for name in compiled.semaphores.values()) < 15
    assert np.array_equal(
        first, run("16x1", "mha:S=32,D=8,H=2", "flat-seq", group="16x1", seed=3)[0]
    )
    assert not check(compiled.machine, compiled.programs).races


@pytest.mark.parametrize("dataflow", SOFTWARE)
def test_a_wait_left_out_of_a_collective_is_found(dataflow):
    compiled = compile_attention(
        load_machine("mesh4", "4x1"),
        parse_attention("mha:S=16,D=32,H=2"),
        dataflow,
        rows=16,
        columns=2,
    )
    ours = ("max_in", "max_down", "o_in", "o_sum", "o_credit", "q_in")
    seen = set()
    for tile, program in compiled.programs.items():
        for queue in (Queue.VECTOR, Queue.OUT):
            code = program.queues[queue]
            for at, instruction in enumerate(code):
                for i in (0, 1):
                    name = compiled.semaphores[instruction[f"wait{i}_sem"]].split("[")[0]
                    if not instruction[f"wait{i}_count"] or name not in ours:
                        continue
                    changed = [
                        *code[:at],
                        instruction.replace(**{f"wait{i}_count": 0, f"wait{i}_sem": 0}),
                        *code[at + 1 :],
                    ]
                    mutant = {
                        **compiled.programs,
                        tile: Program({**program.queues, queue: changed}),
                    }
                    try:
                        assert check(compiled.machine, mutant).races, f"{name} of {tile}"
                    except GoldenError:
                        continue  # it stopped
                    seen.add(name)
    assert seen >= {"max_in", "o_in", "o_credit", "q_in"}


def test_one_clear_line():
    with pytest.raises(
        UserError,
        match=r"^flat-seq has all collectives in software: reads and all_reduce do not apply$",
    ):
        compile_attention(
            MACHINES["tiny"], parse_attention("mha:S=64,D=16"), "flat-seq", reads="forward"
        )
    few = MACHINES["mesh4"].tile.model_copy(update={"semaphores": 20})
    machine = MACHINES["mesh4"].model_copy(update={"tile": few})
    with pytest.raises(
        UserError, match=r"flat-tree needs .* semaphores a tile, the machine has 20"
    ):
        compile_attention(machine, parse_attention("mha:S=64,D=16"), "flat-tree", group="4x4")
    narrow = MACHINES["mesh4"].tile.model_copy(update={"semaphore_bits": 4})
    machine = MACHINES["mesh4"].model_copy(update={"tile": narrow})
    with pytest.raises(
        UserError, match=r"rows=64 sends O in 17 segments, which would overflow 4-bit semaphores$"
    ):
        compile_attention(
            machine,
            parse_attention("mha:S=64,D=64,H=1"),
            "flat-tree",
            group="4x1",
            rows=64,
            columns=16,
        )
    assert set(SOFTWARE) < set(DATAFLOWS)
