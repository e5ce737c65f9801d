"""Halts of the matrix arrays in a real run."""

import numpy as np
import pytest

from isa.instructions import Queue
from waves.read.vcd import read
from waves.rebuild.analysis import inspect
from waves.rebuild.halts import LEAST, halts


@pytest.fixture(scope="module")
def inspection(tiny_run):
    return inspect(read(tiny_run[1]))


def test_in_a_halt_the_array_stands_still(inspection):
    found = halts(inspection, 5)
    assert found and found == sorted(found, key=lambda halt: -halt.cycles)
    for halt in found:
        active = inspection.recording.engines[halt.tile, Queue.MATRIX].active
        assert halt.cycles >= LEAST
        assert halt.begin in active["end"] and halt.end in active["begin"]
        assert not ((active["begin"] < halt.end) & (active["end"] > halt.begin)).any()


def test_halts_at_the_same_time_are_told_once(inspection):
    found = halts(inspection, 50)
    begins, ends = np.array(
        [(halt.begin, halt.end) for halt in sorted(found, key=lambda halt: halt.begin)]
    ).T
    assert (ends[:-1] <= begins[1:]).all()
    assert all(1 <= halt.tiles <= 4 for halt in found)


def test_what_a_wait_was_for(inspection):
    """The semaphore is one that the queue waits for then; what ended the wait was over before the
    array goes on.
    """
    waiting = [halt for halt in halts(inspection, 50) if halt.waits_for.startswith("semaphore")]
    assert waiting
    for halt in waiting:
        waits = inspection.recording.engines[halt.tile, Queue.MATRIX].waits
        now = waits[(waits["begin"] < halt.end) & (waits["end"] > halt.begin)]
        assert int(halt.waits_for.split()[1]) in now["value"]
    assert sum(bool(halt.until) for halt in waiting) > len(waiting) / 2
