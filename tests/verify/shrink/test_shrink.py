"""A failing case made small: what is left out, what stays, and the text that comes of it."""

import numpy as np
import pytest

from isa.errors import UserError
from isa.image import Program
from isa.instructions import Instruction, Opcode, Queue
from isa.machine import MACHINES
from programs.text.reader import read_listing
from tb.run_program import run_on_golden
from verify.conformance.cases import cases
from verify.conformance.prepare import Expected, prepare, run_golden
from verify.shrink.pieces import Piece, pieces_of, without
from verify.shrink.reduce import reduce_to
from verify.shrink.shrink import engine_instructions
from verify.shrink.text import write_case

TINY = MACHINES["tiny"]
CASES = {case.name: case for case in cases("default", 1)}


@pytest.mark.parametrize("needed", [set(), {0}, {99}, {3, 50, 51}, set(range(20))])
def test_what_is_left_is_what_is_needed(needed):
    calls = []

    def fails(left: list[int]) -> bool:
        calls.append(left)
        return needed <= set(left)

    assert reduce_to(range(100), fails) == sorted(needed)
    assert len(calls) < 2 * (len(needed) + 1) * 8 + 40


def program() -> dict:
    of = Instruction.of
    code = [
        of(Opcode.LOOP, imm=3),
        of(Opcode.FILL, m=1, n=1, wait0_sem=4, wait0_count=2, sig0_on=1, sig0_sem=5),
        of(Opcode.COPY, m=1, n=1),
        of(Opcode.END),
        of(Opcode.HALT),
    ]
    halt = [of(Opcode.HALT)]
    return {(0, 0): Program({queue: code if queue == Queue.VECTOR else halt for queue in Queue})}


def places_of(piece: Piece) -> tuple[int, ...]:
    return tuple(place.at for place in piece.places)


def test_a_hollow_piece_keeps_its_waits_and_signals():
    programs = program()
    pieces = pieces_of(programs, hollow=True)
    assert [places_of(piece) for piece in pieces] == [(1,), (2,)]
    code = without(programs, pieces)[0, 0].queues[Queue.VECTOR]
    assert [one.opcode.name for one in code] == ["LOOP", "SYNC", "END", "HALT"]
    assert [code[1][name] for name in ("wait0_sem", "wait0_count", "sig0_on", "sig0_sem")] == [
        *(4, 2),
        *(1, 5),
    ]


def test_both_ends_of_a_loop_go_together_and_halt_stays():
    programs = program()
    pieces = pieces_of(programs, hollow=False)
    assert [places_of(piece) for piece in pieces] == [(1,), (2,), (0, 3)]
    code = without(programs, pieces[-1:])[0, 0].queues[Queue.VECTOR]
    assert [one.opcode.name for one in code] == ["FILL", "COPY", "HALT"]
    assert [len(code) for code in without(programs, pieces)[0, 0].queues.values()] == [1] * 4
    assert len(engine_instructions(programs)) == 2


@pytest.mark.parametrize("opcode", [Opcode.LOAD, Opcode.REDUCE, Opcode.SYNC])
def test_waits_do_without_what_is_left_out(opcode):
    """Golden takes the programs without any one of the pieces that count."""
    expected = prepare(CASES["tiles-network-3x2-0"], TINY)
    code = expected.programs
    pieces = [
        piece
        for piece in pieces_of(code, hollow=False)
        for tile, queue, index in piece.places[:1]
        if code[tile].queues[queue][index].opcode == opcode and piece.counts
    ]
    assert pieces
    for piece in pieces[:: max(1, len(pieces) // 6)]:
        part = Expected(expected.case, expected.machine, without(code, [piece]), expected.start)
        run_golden(part)
        assert not part.wrong or "race" in part.wrong, (piece, part.wrong)


@pytest.mark.parametrize("name", ["tiles-network-3x2-0", "tiles-vector-2x2-0", "d-gate-flat"])
def test_the_text_is_the_case(name, tmp_path):
    expected = prepare(CASES[name], TINY)
    path = tmp_path / "case.s"
    write_case(path, expected, ["what it is"])
    listing = read_listing(path)
    assert listing.machine == expected.machine
    assert {tile: one.words() for tile, one in listing.programs.items()} == {
        tile: one.words() for tile, one in expected.programs.items()
    }
    golden = run_on_golden(listing)
    assert not golden.failure and not golden.races
    for after, seen in zip(expected.end, golden.hbm, strict=True):
        size = min(len(after), len(seen))
        assert np.array_equal(after[:size], seen[:size])


@pytest.mark.parametrize("name", ["case", "my case.s", "a#b.s"])
def test_a_name_that_no_text_can_have(name, tmp_path):
    with pytest.raises(UserError, match=r"^OUT must be a name like file.s, without spaces or #"):
        write_case(tmp_path / name, prepare(CASES["d-gate-flat"], TINY), [])
    assert not list(tmp_path.iterdir())
