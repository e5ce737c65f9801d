"""What is left out of a program is found, and what `make races` says of it."""

from collections import Counter

import pytest

from golden.dry import check
from publish import races
from verify.races.catalogue import Built, Dataflow, SoftwareProgram, shipped
from verify.races.removals import apply, removals
from verify.races.study import DEMONSTRATIONS, STUDIED, check_shipped, demonstrate, study
from verify.races.survey import Survey, summary

SMALL = Dataflow("flat", "mha", "2x2")
CREDITS = SoftwareProgram("allreduce", "unicast", 0, 2)


def outcomes(counts, kind):
    """Semaphores by outcome, of waits, signals or bumps."""
    found: dict[str, set[str]] = {}
    for key in counts:
        what, semaphore, outcome = key.split()
        if what == kind:
            found.setdefault(outcome, set()).add(semaphore)
    return found


@pytest.fixture(scope="module")
def counts():
    return study(SMALL)


def test_every_wait_is_found_but_for_those_that_order_nothing(counts):
    waits = outcomes(counts, "wait")
    assert set(waits) <= {"race", "last", "twin", "otherwise"}
    assert set().union(*(found for outcome, found in waits.items() if outcome != "race")) == {
        "stored",
        "o_free",
    }
    assert waits["race"] >= {
        "k_full",
        "v_full",
        "q_full",
        "q_free",
        "s_full",
        "max_full",
        "p_full",
        "o_full",
        "o_free",
    }


def test_every_signal_stops_the_machine_unless_nobody_takes_its_count(counts):
    for kind in ("signal", "bump"):
        assert set(outcomes(counts, kind)) <= {"hang", "unused"}
    assert outcomes(counts, "bump") == {
        "hang": {"k_full", "v_full", "q_full", "max_full", "o_full", "stored"}
    }


@pytest.mark.slow
@pytest.mark.parametrize("program", STUDIED, ids=str)
def test_everything_left_out_is_found_or_explained(program):
    counts = study(program)
    assert not [key for key in counts if key.endswith("unexplained")]


def test_a_wait_that_orders_something_is_not_explained_away(monkeypatch):
    """If the check found nothing, most removals would have no reason to be harmless."""
    monkeypatch.setattr(
        "verify.races.study.check",
        lambda machine, programs: check(machine, programs)._replace(races=[]),
    )
    assert outcomes(study(CREDITS), "wait")["unexplained"] >= {"arrive", "ready"}


def test_removals_change_one_thing_and_a_reduce_in_all_its_members():
    built = SMALL.build()
    sizes = Counter()
    for removal in removals(built.programs):
        changed = apply(built.programs, removal)
        different = [
            (tile, queue, at)
            for tile, program in built.programs.items()
            for queue, code in program.queues.items()
            for at, instruction in enumerate(code)
            if changed[tile].queues[queue][at] != instruction
        ]
        assert (removal.tile, removal.queue, removal.at) in different
        reduces = removal.kind == "bump" and built.semaphore(removal.semaphore)[:3] in (
            "max",
            "o_f",
        )
        assert len(different) == 1 or reduces
        sizes[reduces, len({tile for tile, *_ in different})] += 1
    assert set(sizes) == {(False, 1), (True, 2)}


def test_demonstrations_show_a_race_and_a_hang():
    said = demonstrate(DEMONSTRATIONS[-1])
    assert said["wait_outcome"] == "race" and said["wait_message"].startswith("race for words ")
    assert (
        said["signal_outcome"] == "hang"
        and "waits for semaphore 3 >= 2, has 1" in said["signal_message"]
    )
    assert said["wait"] == "wait for credit of PUT, tile (1,0) queue out slot 6"


def test_a_race_in_a_shipped_program_is_counted_and_told(monkeypatch):
    built = CREDITS.build()
    wait = next(removal for removal in removals(built.programs) if removal.kind == "wait")
    monkeypatch.setattr(
        SoftwareProgram,
        "build",
        lambda self: Built(built.machine, apply(built.programs, wait), built.semaphore),
    )
    seen = check_shipped(CREDITS)
    assert seen["races"] > 0 and seen["first"].startswith("race for words ")
    result = summary(Survey({"a": seen}, {"a": "allreduce"}, {}, {}))
    assert result["races"] == result["races_allreduce"] == seen["races"]
    assert f"{seen['races']} RACES" in races.family_table(result).markdown()


def test_the_catalogue_builds_and_names_differ():
    programs = list(shipped())
    assert len({str(program) for program in programs}) == len(programs)
    for program in programs[:: len(programs) // 12]:
        seen = check_shipped(program)
        assert not seen["races"] and seen["instructions"] > seen["transfers"] > 0
