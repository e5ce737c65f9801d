"""Cases: the generated sets, the numbers in them, and the checks of the golden machine."""

from itertools import combinations, product

import numpy as np
import pytest

from golden.machine import GoldenMachine
from isa.errors import UserError
from isa.formats import decode
from isa.instructions import Format
from isa.machine import MACHINES, load_machine
from programs.attention.mapping import DATAFLOWS
from verify.conformance.cases import _cases, cases, machine_of
from verify.conformance.check import run_on_golden
from verify.conformance.coverage import count, declared
from verify.conformance.covering import covering
from verify.conformance.factors import FOCUSES, MESHES
from verify.conformance.numbers import CLASSES, class_masks, exists, raw_words
from verify.conformance.observe import observe
from verify.conformance.prepare import prepare
from verify.conformance.tile_programs import tile_program

TINY = MACHINES["tiny"]


@pytest.mark.parametrize("strength", [2, 3])
def test_a_covering_design_covers(strength):
    factors = {"a": (1, 2, 3), "b": ("x", "y"), "c": (True, False), "d": range(4)}
    rows = covering(factors, strength, seed=3)
    for chosen in combinations(factors, strength):
        for levels in product(*(factors[name] for name in chosen)):
            assert any(
                all(row[name] == level for name, level in zip(chosen, levels, strict=True))
                for row in rows
            )
    assert len(rows) < np.prod([len(levels) for levels in factors.values()])
    assert rows == covering(factors, strength, seed=3)


def test_a_covering_design_leaves_out_what_is_not_allowed():
    factors = {"a": (1, 2, 3), "b": ("x", "y"), "c": (True, False), "d": (4, 5)}
    rows = covering(
        factors,
        2,
        seed=1,
        loose=("d",),
        allowed=lambda row: (
            row.get("a") != 2 or (row.get("b", "y") == "y" and row.get("d", 4) == 4)
        ),
    )
    assert {(row["a"], row["b"]) for row in rows} == {*product((1, 3), "xy"), (2, "y")}
    assert all(row["d"] == 4 for row in rows if row["a"] == 2)


def test_the_default_set_pairs_dataflows_with_meshes():
    found = cases("default", 1)
    assert len({case.name for case in found}) == len(found)
    assert {(case.dataflow, case.mesh) for case in found} >= set(product(DATAFLOWS, MESHES))
    _cases.cache_clear()  # made anew, not kept
    assert found == cases("default", 1) != cases("default", 2)


def test_a_mesh_of_the_user_is_the_only_one():
    assert {case.mesh for case in cases("default", 1, "2x3")} == {"2x3"}


@pytest.mark.parametrize(
    ("which", "mesh", "line"),
    [
        ("weekly", "", "SET must be one of default, nightly, not 'weekly'"),
        ("default", "0x2", "MESH must be COLUMNSxROWS"),
    ],
)
def test_unknown_sets_and_meshes(which, mesh, line):
    with pytest.raises(UserError, match=line):
        cases(which, 1, mesh)


@pytest.mark.parametrize("fmt", Format)
def test_wild_words_hold_every_class(fmt):
    bits = raw_words(np.random.default_rng(1), fmt, 4000, wild=True).view(
        f"u{len(raw_words(np.random.default_rng(1), fmt, 1, wild=True))}"
    )
    masks = class_masks(bits, fmt)
    assert [name for name in CLASSES if masks[name].any()] == [
        name for name in CLASSES if exists(name, fmt)
    ]
    assert sum(mask.sum() for mask in masks.values()) == len(bits)
    tame = raw_words(np.random.default_rng(1), fmt, 400, wild=False).view(bits.dtype)
    assert np.isfinite(decode(tame, fmt)).all()


@pytest.mark.parametrize("focus", FOCUSES)
@pytest.mark.parametrize("mesh", ["1x1", "2x3"])
def test_instruction_programs_have_no_races_and_depend_on_no_order(focus, mesh):
    machine = load_machine("tiny", mesh)
    drawn = tile_program(machine, focus, 5)
    ends = []
    for seed in (None, 3):
        golden = GoldenMachine(machine, drawn.programs, drawn.hbm, seed=seed, races=seed is None)
        golden.run()
        ends.append(golden.hbm)
    assert all(np.array_equal(*pair) for pair in zip(*ends, strict=True))


def test_bins_are_declared_and_hit():
    seen = [
        next(case for case in cases("default", 1) if case.name.startswith(name))
        for name in ("tiles-vector-2x2", "a000", "d-one")
    ]
    hits = [observe(prepare(case, TINY)) for case in seen]
    found = count(hits, declared(TINY))
    assert found["opcode/matmul in matrix"] == 3 and found["opcode/mulv in vector"] == 1
    assert found["numbers/nan fp16"] == 0 or seen[1].numbers == "nan"
    with pytest.raises(UserError, match="'opcode/divide in vector' was hit and is not declared"):
        count([["opcode/divide in vector"]], declared(TINY))


def test_the_golden_machine_is_judged():
    case = next(case for case in cases("default", 1) if case.name == "d-numbers-fp16-normal")
    expected = prepare(case, TINY)
    outcome = run_on_golden(case, TINY)
    assert outcome.passed and 0 < outcome.error_ratio <= 2
    assert machine_of(case, TINY).channels == expected.machine.channels
