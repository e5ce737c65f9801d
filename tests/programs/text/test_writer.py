"""Any compiled workload is written as a text that reads back to the same programs and data, and
expects what the golden machine has.
"""

import re

import numpy as np
import pytest

from isa.errors import UserError
from isa.instructions import Format
from isa.machine import load_machine
from programs.compiler import compile_workload, dataflows_of, parse_workload
from programs.tensors import load_workload
from programs.text.reader import read_listing
from programs.text.writer import Contents, write_listing
from tb.experiment import golden_contents, golden_output
from tb.run_program import run_on_golden
from tb.verdict import unmet
from verify.races.catalogue import VARIANTS


def flows(spec):
    """Every dataflow that there is for a kind of workload."""
    return dataflows_of(parse_workload(spec, Format.FP16))


WORKLOADS = [(spec, flow) for spec in VARIANTS.values() for flow in flows(spec)]


def written(tmp_path, spec, dataflow, mesh="2x1", formats=("fp16", "", "")):
    """A workload as a text, what it was compiled from, and HBM before and after."""
    machine = load_machine("tiny", mesh)
    tensors = load_workload(spec, formats[0], 1, *formats[1:])
    compiled = compile_workload(machine, tensors.workload, dataflow)
    memory = tensors.scatter(compiled)
    contents = Contents(memory, golden_contents(machine, compiled, memory))
    write_listing(tmp_path / "w.s", compiled, contents, machine="tiny", title=spec)
    return tensors, compiled, contents


@pytest.mark.parametrize(("spec", "dataflow"), WORKLOADS)
def test_text_and_back(tmp_path, spec, dataflow):
    tensors, compiled, contents = written(tmp_path, spec, dataflow)
    read = read_listing(tmp_path / "w.s")
    assert read.programs == compiled.programs
    assert read.machine == compiled.machine
    assert read.semaphores == compiled.semaphores
    for content, back in zip(contents.before, read.hbm(), strict=True):
        given = np.asarray(content).view(np.uint8).reshape(-1)
        assert (given == back[: len(given)]).all() and not back[len(given) :].any()
    state = run_on_golden(read)
    assert not state.failure and not state.races
    assert not unmet(read, state)
    expected = golden_output(compiled.machine, tensors, compiled, contents.before)
    assert sum(block.bits.size for block in read.expected) == expected.size
    assert (tensors.gather(compiled, state.hbm) == expected).all()


@pytest.mark.parametrize("formats", [("bf16", "", ""), ("e4m3", "fp16", "bf16")])
def test_the_output_is_expected_in_its_own_format(tmp_path, formats):
    written(tmp_path, "gqa:S=37,D=24,H=6,Hkv=2", "flat", "3x2", formats)
    read = read_listing(tmp_path / "w.s")
    assert {block.fmt for block in read.expected} == {Format.BF16}
    assert not unmet(read, run_on_golden(read))


def test_a_wrong_output_is_noticed(tmp_path):
    written(tmp_path, "mha:S=64,D=16,H=2", "flat")
    path = tmp_path / "w.s"
    path.write_text(
        re.sub(
            "^exp .*$",
            lambda line: line[0].replace("exp", "addv"),
            path.read_text(),
            count=1,
            flags=re.MULTILINE,
        )
    )
    read = read_listing(path)
    state = run_on_golden(read)
    assert any(".expect" not in line and "must be" in line for line in unmet(read, state))


def test_a_large_output_takes_few_lines(tmp_path):
    written(tmp_path, "mha:S=256,D=16,H=8", "flat-async", "2x2")
    text = (tmp_path / "w.s").read_text()
    assert len(re.findall("^.expect", text, re.MULTILINE)) <= 4
    shown = read_listing(tmp_path / "w.s").shown
    assert [(block.rows, block.columns) for block in shown] == [(4, 8)]


@pytest.mark.parametrize("name", ["w.npz", "two words.s", "no#.s"])
def test_names_that_the_text_could_not_hold(tmp_path, name):
    with pytest.raises(UserError, match="OUT must be a name"):
        write_listing(tmp_path / name, None, Contents([], []), machine="tiny", title="")


def test_a_folder_that_is_not_there(tmp_path):
    machine = load_machine("tiny")
    tensors = load_workload("mha:S=32,D=16,H=1", "fp16", 1)
    compiled = compile_workload(machine, tensors.workload)
    memory = tensors.scatter(compiled)
    with pytest.raises(UserError, match="No such file or directory"):
        write_listing(
            tmp_path / "none" / "w.s",
            compiled,
            Contents(memory, memory),
            machine="tiny",
            title="",
        )
