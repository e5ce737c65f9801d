"""The order of a hunt, and what counts as seen."""

from verify.conformance.cases import cases
from verify.mutants.catalogue import CATALOGUE
from verify.mutants.hunt import MESHES, TURN, Catch, in_turn

SLOW = next(n for n, mutation in enumerate(CATALOGUE, 1) if mutation.slow)
CLEAN = {"case": "a", "passed": True, "how": "", "cycles": 10, "words": 0}


def test_cases_of_all_kinds_come_in_turn():
    some = [case for case in cases("default", 1) if case.mesh in MESHES]
    order = in_turn(some)
    small = [c for c in some if c.workload or (c.mesh == MESHES[0] and c.kind != "errors")]
    assert sorted(order, key=str) == sorted(small, key=str)
    assert {case.kind for case in order[: 2 * TURN]} == {case.kind for case in small}
    about = {(case.kind, case.dataflow or case.numbers) for case in small}
    assert {(case.kind, case.dataflow or case.numbers) for case in order[: 10 * TURN]} == about


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
