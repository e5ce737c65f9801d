"""What a note beside a VCD says of a run, and what the golden machine makes of it."""

import json
from pathlib import Path

import pytest

from isa.errors import UserError
from waves.read.recording import Facts
from waves.rebuild.expected import expect

REDUCE = Path(__file__).parents[3] / "examples" / "reduce.s"


def facts(columns, rows):
    return Facts(columns, rows, 16, 6, 1, 3, 4, 200, 8, ())


def note_of(tmp_path, program):
    note = tmp_path / "run.json"
    note.write_text(json.dumps({"program": str(program), "machine": "", "mesh": "2x1"}))
    return note


def test_the_collectives_of_a_program_text(tmp_path):
    expectation = expect(note_of(tmp_path, REDUCE), facts(2, 1))
    assert expectation.name == "reduce.s on mesh4 2x1"
    (collective,) = expectation.counts
    assert (collective.kind, collective.words) == ("allreduce", 2)
    assert expectation.counts[collective] == 2


def test_a_note_of_another_mesh(tmp_path):
    with pytest.raises(UserError, match="its mesh is 2x1, the VCD's 3x2"):
        expect(note_of(tmp_path, REDUCE), facts(3, 2))


def test_a_program_text_that_is_gone(tmp_path):
    with pytest.raises(UserError, match=r"PROGRAM .*none\.s: No such file"):
        expect(note_of(tmp_path, tmp_path / "none.s"), facts(2, 1))
