"""Ends are read off the layouts, programs reach all of them, and what is beyond is refused."""

import numpy as np
import pytest

from isa.errors import UserError
from isa.image import Program
from isa.instructions import LAYOUTS, OPCODES_OF, Instruction, Kind, Opcode, Queue
from isa.machine import MACHINES, load_machine
from isa.status import ErrorCode, Probe, QueueState
from programs.common.check import check_programs
from verify.conformance.case import machine_of
from verify.conformance.cases import cases
from verify.conformance.coverage import count, declared
from verify.conformance.edge_joins import join_sets, joining
from verify.conformance.end_bins import declare_ends
from verify.conformance.error_bins import declare_errors, observe_errors
from verify.conformance.error_check import ERRORS, error_programs
from verify.conformance.error_collectives import reused_tags
from verify.conformance.error_deadlocks import deadlocks, wrong_stand
from verify.conformance.extremes import LAST, LEAST, MOST, beyond, ends, extents, fields_of
from verify.conformance.observe import observe
from verify.conformance.prepare import prepare
from verify.conformance.shapes import ROOTS, places

TINY = MACHINES["tiny"]
ENGINE = [opcode for opcodes in OPCODES_OF.values() for opcode in opcodes]
MOVE = {field.name: field.width for field in LAYOUTS[Kind.MOVE]}


def test_ends_are_those_of_layout_and_machine():
    assert ends(Opcode.LOAD, "remote", TINY) == {
        LEAST: 0, MOST: (1 << MOVE["remote"]) - 1, "first word": 0, LAST: TINY.channel_words - 1
    }  # fmt: skip
    assert ends(Opcode.PUT, "remote", TINY)[LAST] == TINY.tile.l1_words - 1
    assert ends(Opcode.EXP, "mask", TINY) == {LEAST: -8192, MOST: 8191}
    assert beyond(Opcode.REDUCE, "fmt", TINY) == (3, 4, 5, 6, 7)
    assert beyond(Opcode.PUT, "x1", load_machine("tiny", "64x1")) == ()
    assert beyond(Opcode.EXP, "n", TINY) == () and beyond(Opcode.COPY, "n", TINY) == (0,)


@pytest.mark.parametrize("opcode", ENGINE, ids=lambda opcode: opcode.name)
def test_all_ends_fit_their_fields(opcode):
    for name in fields_of(opcode):
        legal = ends(opcode, name, TINY)
        for end in (LEAST, MOST):
            Instruction.of(opcode, **{name: legal[end]})
        for value in beyond(opcode, name, TINY):
            Instruction.of(opcode, **{name: value})


def test_extents_of_a_matmul():
    f = {"m": 3, "n": 5, "k": 9, "lda": 7, "ldb": 2, "ldc": 4, "trans_b": 1, "fmt_a": 1, "fmt_b": 3}
    found = extents(Opcode.MATMUL, f, TINY.tile)
    assert found["a"] == (7, 3, 2) and found["b"] == (2, 5, 1) and found["c"].span == 10


def test_every_end_is_reached_and_every_error_raised():
    some = [case for case in cases("default", 1) if case.kind in ("edges", "errors")]
    hits = []
    for case in some:
        if case.kind == "edges":
            expected = prepare(case, TINY)
            assert not expected.wrong, expected.wrong
            hits.append(observe(expected))
        else:
            programs = error_programs(machine_of(case, TINY), case.numbers)
            hits.append(set(observe_errors(c for p in programs for c in p.culprits)))
    found = count(hits, declared(TINY))
    groups = {**declare_ends(), **declare_errors()}
    assert [name for name, hit in found.items() if name.split("/")[0] in groups and not hit] == []


def test_a_mesh_of_one_tile_has_edges_too():
    for case in cases("default", 1, "1x1"):
        if case.kind == "edges":
            assert not prepare(case, TINY).wrong


def test_roots_beside_their_rectangle():
    found = places(load_machine("tiny", "5x3").mesh)
    assert {root for _, root in found} == set(ROOTS)
    assert all(len(pairs) for pairs in found.values())


@pytest.mark.parametrize("about", ERRORS)
def test_what_golden_refuses_on_a_small_mesh(about):
    machine = load_machine("tiny", "2x1")
    programs = error_programs(machine, about)
    for program in programs:
        for culprit in program.culprits:
            assert culprit.codes and ErrorCode.NONE not in culprit.codes
            assert (culprit.queue is None) == (culprit.slot is None)
    if about in ("matrix", "vector", "load", "out"):
        assert {c.queue for p in programs for c in p.culprits} == {Queue[about.upper()]}


def test_every_set_of_inputs_is_joined_by_unlike_parts():
    for columns, rows in ((5, 3), (3, 2), (4, 1)):
        mesh = load_machine("tiny", f"{columns}x{rows}").mesh
        every = {s for pairs in places(mesh).values() for pair in pairs for s in join_sets(*pair)}
        assert {s for pair in joining(mesh) for s in join_sets(*pair)} == every
    assert len(joining(load_machine("tiny", "5x3").mesh)) < 10 and len(every) == 3


def test_a_reused_tag_is_refused_by_the_rules():
    machine = load_machine("tiny", "3x2")
    for program in reused_tags(machine):
        programs = {tile: Program.from_words(words) for tile, words in program.images.items()}
        with pytest.raises(UserError, match="tag 5"):
            check_programs(machine, programs)


@pytest.mark.parametrize("wrong", ["endless", "slot", "count", None])
def test_where_a_deadlock_must_stand(wrong):
    machine = load_machine("tiny", "2x1")
    standstill = deadlocks(machine)[0]
    assert len(standstill.stands) == 8
    values = {tile: [0] * 256 for tile in standstill.semaphores}
    for tile, counts in standstill.semaphores.items():
        values[tile][Probe.SEMAPHORE : Probe.SEMAPHORE + len(counts)] = counts
    for tile, queue, slot in standstill.stands:
        at = Probe.QUEUE + 16 * queue
        values[tile][at : at + 2] = [slot + (wrong == "slot"), int(QueueState.WAIT0)]
    values[0, 0][Probe.SEMAPHORE] += wrong == "count"

    class Stopped:
        kind = "endless" if wrong == "endless" else "hang"
        probes = values

    found = next(wrong_stand(standstill, Stopped()), ("", ""))[0]
    assert found == {"endless": "error code", "slot": "hang", "count": "semaphores"}.get(wrong, "")


def test_contents_of_l1_are_numbers_in_every_format():
    case = next(case for case in cases("default", 1) if case.name == "edges-control-3x2")
    start = prepare(case, TINY).start[0]
    for dtype in (np.float16, np.float32):
        assert np.isfinite(start.view(dtype)).all()
