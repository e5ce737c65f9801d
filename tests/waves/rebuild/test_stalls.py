"""Stalls of the matrix arrays in a real run."""

import numpy as np
import pytest

from isa.instructions import Queue
from waves.read.vcd import read
from waves.rebuild.analysis import inspect
from waves.rebuild.stalls import LEAST, matrix_stalls


@pytest.fixture(scope="module")
def inspection(tiny_run):
    return inspect(read(tiny_run[1]))


def test_in_a_halt_the_array_stands_still(inspection):
    found = matrix_stalls(inspection, 5)
    assert found and found == sorted(found, key=lambda stall: -stall.cycles)
    for stall in found:
        active = inspection.recording.engines[stall.tile, Queue.MATRIX].active
        assert stall.cycles >= LEAST
        assert stall.begin in active["end"] and stall.end in active["begin"]
        assert not ((active["begin"] < stall.end) & (active["end"] > stall.begin)).any()


def test_stalls_at_the_same_time_are_told_once(inspection):
    found = matrix_stalls(inspection, 50)
    begins, ends = np.array(
        [(stall.begin, stall.end) for stall in sorted(found, key=lambda stall: stall.begin)]
    ).T
    assert (ends[:-1] <= begins[1:]).all()
    assert all(1 <= stall.tiles <= 4 for stall in found)


def test_what_a_wait_was_for(inspection):
    """The semaphore is one that the queue waits for then; what ended the wait was over before the
    array goes on.
    """
    waiting = [
        stall for stall in matrix_stalls(inspection, 50) if stall.waits_for.startswith("semaphore")
    ]
    assert waiting
    for stall in waiting:
        waits = inspection.recording.engines[stall.tile, Queue.MATRIX].waits
        now = waits[(waits["begin"] < stall.end) & (waits["end"] > stall.begin)]
        assert int(stall.waits_for.split()[1]) in now["value"]
    assert sum(bool(stall.until) for stall in waiting) > len(waiting) / 2
