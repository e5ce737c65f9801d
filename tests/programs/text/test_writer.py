"""Any compiled workload is written as a text that reads back to the same programs and data."""

import numpy as np
import pytest

from isa.errors import UserError
from isa.machine import load_machine
from programs.compiler import compile_workload
from programs.tensors import load_workload
from programs.text.reader import read_listing
from programs.text.writer import write_listing

WORKLOADS = [
    *[("mha:S=64,D=16,H=2", flow) for flow in ("flat", "flat-async", "flat-seq", "flat-tree")],
    ("mha:S=48,D=16,H=2,causal=1", "flash2"),
    ("gqa:S=64,D=16,H=4,Hkv=2", "flash3"),
    ("gemm:M=48,N=40,K=56", "summa"),
]


def written(tmp_path, spec, dataflow):
    machine = load_machine("tiny", "2x1")
    tensors = load_workload(spec, "fp16", 1)
    compiled = compile_workload(machine, tensors.workload, dataflow)
    memory = tensors.scatter(compiled)
    write_listing(tmp_path / "w.s", compiled, memory, machine="tiny", title=spec)
    return compiled, memory


@pytest.mark.parametrize(("spec", "dataflow"), WORKLOADS)
def test_text_and_back(tmp_path, spec, dataflow):
    compiled, memory = written(tmp_path, spec, dataflow)
    read = read_listing(tmp_path / "w.s")
    assert read.programs == compiled.programs
    assert read.machine == compiled.machine
    assert read.semaphores == compiled.semaphores
    for content, back in zip(memory, read.hbm(), strict=True):
        assert (np.asarray(content).view(np.uint8).reshape(-1) == back).all()


@pytest.mark.parametrize("name", ["w.npz", "two words.s", "no#.s"])
def test_names_that_the_text_could_not_hold(tmp_path, name):
    with pytest.raises(UserError, match="OUT must be a name"):
        write_listing(tmp_path / name, None, [], machine="tiny", title="")


def test_a_folder_that_is_not_there(tmp_path):
    machine = load_machine("tiny")
    tensors = load_workload("mha:S=32,D=16,H=1", "fp16", 1)
    compiled = compile_workload(machine, tensors.workload)
    with pytest.raises(UserError, match="No such file or directory"):
        write_listing(
            tmp_path / "none" / "w.s",
            compiled,
            tensors.scatter(compiled),
            machine="tiny",
            title="",
        )
