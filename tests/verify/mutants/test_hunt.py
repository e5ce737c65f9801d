"""The order of a hunt, and what counts as seen."""

from verify.conformance.cases import cases
from verify.conformance.cost import cost_of
from verify.mutants import hunt
from verify.mutants.catalogue import CATALOGUE
from verify.mutants.hunt import DEAR, ENOUGH, MESHES, Catch, in_turn

SLOW = next(n for n, mutation in enumerate(CATALOGUE, 1) if mutation.slow)
CLEAN = {"case": "a", "passed": True, "how": "", "cycles": 10, "words": 0}


def test_cases_of_all_kinds_come_in_turn():
    some = [case for case in cases("default", 1) if case.mesh in MESHES]
    order = in_turn(some)
    small = [
        case
        for case in some
        if case.workload
        or (case.mesh == MESHES[0] and case.kind != "errors" and cost_of(case) < DEAR * 6)
    ]
    assert sorted(order, key=str) == sorted(small, key=str)
    assert {case.kind for case in order[:4]} == {case.kind for case in small}
    about = {(case.kind, case.dataflow or case.numbers) for case in small}
    assert {(case.kind, case.dataflow or case.numbers) for case in order[:40]} == about


def test_what_has_seen_a_mutation_is_tried_first_the_cheapest_before_the_rest(
    monkeypatch,
):
    some = [case for case in cases("default", 1) if case.mesh in MESHES]
    seen = ["edges-loops-3x2", *(case.name for case in some if case.kind == "gemm")]
    name = CATALOGUE[0].name
    told = {
        f"mutation_{name}": f"wrong bits by {', '.join(seen)}: {len(seen)} of 99 cases, 7 words"
    }
    monkeypatch.setattr(hunt, "_results", lambda: told)
    first = hunt._order(some, 1)[: len(seen)]
    assert {case.name for case in first} == set(seen) and first[-1].name == "edges-loops-3x2"
    assert [cost_of(case) for case in first] == sorted(cost_of(case) for case in first)
    assert hunt._order(some, 2)[0].name not in seen


def test_every_case_that_saw_it_is_told():
    catch = Catch(1)
    for name, words in (("a", 1), ("b", 9), ("c", 0)):
        how = {"passed": False, "how": "hang" if not words else "wrong bits", "words": words}
        catch = catch.after(CLEAN | how | {"case": name}, CLEAN)
    assert str(catch) == "wrong bits by a, b, c: 3 of 3 cases, 9 words"
    assert len(catch.telling) == ENOUGH


def test_on_one_mesh_its_instruction_programs_are_tried():
    some = cases("default", 1, "5x3")
    assert {case.kind for case in in_turn(some)} >= {"attention", "gemm", "tiles"}


def test_what_costs_only_cycles_is_seen_by_them_alone():
    slower = CLEAN | {"cycles": 11}
    assert str(Catch(SLOW).after(CLEAN, CLEAN)) == ""
    assert Catch(SLOW).after(slower, CLEAN).caught
    assert str(Catch(SLOW).after(slower, CLEAN)) == "cycles by a: 1 of 1 cases"


def test_a_fault_of_bits_must_be_seen_by_more_than_cycles():
    catch = Catch(1).after(CLEAN | {"cycles": 11}, CLEAN)
    assert not catch.caught and str(catch) == "only cycles"
    wrong = {"passed": False, "how": "wrong bits", "words": 3}
    catch = catch.after(CLEAN | wrong | {"case": "b"}, CLEAN)
    assert catch.caught and str(catch) == "wrong bits by b: 1 of 2 cases, 3 words"


def test_a_case_that_fails_without_the_mutation_says_nothing():
    bad = CLEAN | {"passed": False, "how": "hang"}
    assert Catch(1).after(bad, bad) == Catch(1)
