"""Stalls of the matrix arrays in a real run."""

import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from isa.instructions import Queue
from isa.machine import MACHINES
from programs.compiler import compile_workload
from programs.tensors import load_workload
from programs.text.listing import Listing
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


def test_the_names_of_a_program_text(inspection):
    """What was run, as if it had been a text with an instruction a line, each with a label."""
    machine, tensors = MACHINES["tiny"], load_workload("mha:S=40,D=24,H=2", "fp16", 1)
    programs = compile_workload(machine, tensors.workload, "flat-async").programs
    listing = Listing(
        Path("run.s"),
        machine,
        programs,
        lines={
            tile: {queue: list(range(len(code))) for queue, code in program.queues.items()}
            for tile, program in programs.items()
        },
        labels={line: f"l{line}" for line in range(999)},
        semaphores={number: f"s{number}" for number in range(32)},
    )
    plain, named = (
        matrix_stalls(inspection, 50),
        matrix_stalls(replace(inspection, listing=listing), 50),
    )
    changed = 0
    for before, after in zip(plain, named, strict=True):
        number = before.waits_for.removeprefix("semaphore ")
        if number != before.waits_for:
            assert after.waits_for == f"semaphore s{number} ({number})"
        found = re.fullmatch(r"(.*, slot (\d+)) \(run\.s:(\d+) 'l\3'\)(.*)", after.until)
        if found:
            changed += 1
            assert before.until == found[1] + found[4]
            queue = Queue[before.until.split()[0].upper()]
            queues = programs[after.tile].queues
            first = 1 + sum(len(queues[q]) for q in Queue if q < queue)
            assert int(found[2]) == first + int(found[3])
    assert changed
