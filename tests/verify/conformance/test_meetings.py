"""Events that are to meet: every pair of ports has a program, which has no races."""

import pytest

from isa.machine import load_machine
from verify.conformance.case import machine_of
from verify.conformance.cases import cases
from verify.conformance.check import _missed
from verify.conformance.meeting_channels import CHANNEL_MEETINGS, met_in_channel
from verify.conformance.meeting_points import MEETINGS, TILE_MEETINGS, met_in
from verify.conformance.meeting_programs import expected_meetings, meeting_topics
from verify.conformance.prepare import prepare

TINY = load_machine("tiny")


def test_every_pair_is_expected_of_one_program():
    for mesh in ((5, 3), (3, 3), (3, 4)):
        found = [name for about in meeting_topics(*mesh) for name in expected_meetings(about)]
        assert sorted(found) == sorted(MEETINGS) and len(set(MEETINGS)) == len(MEETINGS) == 98
    assert not any(about.startswith("joins") for about in meeting_topics(2, 2))
    assert meeting_topics(1, 1) == []


@pytest.mark.parametrize("about", meeting_topics(2, 2))
def test_programs_have_no_races_and_leave_no_counts(about):
    case = next(
        c for c in cases("default", 1, "2x2") if c.kind == "meetings" and c.numbers == about
    )
    expected = prepare(case, TINY)
    assert not expected.wrong, expected.wrong
    assert not any(count for counts in expected.semaphores.values() for count in counts)
    assert machine_of(case, TINY, own_channels=False).mesh.tiles == 4


def test_what_no_longer_meets_is_named(tmp_path):
    missing = "bump out + wait load"
    about = next(a for a in meeting_topics(2, 2) if any(missing in m for m in expected_meetings(a)))
    case = next(
        c for c in cases("default", 1, "2x2") if c.kind == "meetings" and c.numbers == about
    )
    expected = prepare(case, TINY)

    class Run:
        workdir, probes, hbm = tmp_path, dict.fromkeys(expected.programs), expected.start

    for x, y in expected.programs:
        bits = "".join("0" if missing in name else "1" for name in TILE_MEETINGS)
        (tmp_path / f"met_{x}_{y}.txt").write_text(bits[::-1])
    for index in range(len(expected.start)):
        every = "1" * len(CHANNEL_MEETINGS)
        (tmp_path / f"met_channel_{index}.txt").write_text(every)
    assert met_in_channel(tmp_path, 0) == set(CHANNEL_MEETINGS)
    assert "semaphores: bump out + wait load" not in met_in(tmp_path, (0, 0))
    assert list(_missed(expected, Run())) == [
        ("meetings", "no longer in one cycle: semaphores: bump out + wait load")
    ]
