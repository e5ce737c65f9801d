"""Program texts on the RTL: what golden and the RTL hold is the same, and what differs is said."""

import copy

import numpy as np
import pytest

from isa.instructions import Queue
from isa.machine import load_machine
from isa.status import ErrorCode
from programs.compiler import compile_workload
from programs.tensors import load_workload
from programs.text.reader import read_listing
from programs.text.writer import Contents, write_listing
from tb.experiment import golden_contents
from tb.mesh import simulate
from tb.run_program import Failure, run_on_golden, run_on_rtl
from tb.verdict import differences, unmet


def listing(tmp_path, *lines, tile="1,0", queue="out", before=()):
    path = tmp_path / "program.s"
    start = [".mesh 2x1", ".semaphore full 3", *before, f".tile {tile}", f".queue {queue}"]
    path.write_text("\n".join([*start, *lines, "halt"]))
    return read_listing(path)


@pytest.mark.parametrize(
    ("spec", "dataflow"), [("mha:S=64,D=16,H=2", "flat-async"), ("gemm:M=48,N=40,K=56", "summa")]
)
def test_a_compiled_text_has_the_cycles_and_bits_of_the_workload(tmp_path, spec, dataflow):
    machine = load_machine("tiny", "2x1")
    tensors = load_workload(spec, "fp16", 1)
    compiled = compile_workload(machine, tensors.workload, dataflow)
    memory = tensors.scatter(compiled)
    images = {tile: program.words() for tile, program in compiled.programs.items()}
    last = max(len(content) for content in memory) // machine.tile.word_bytes - 1
    run = simulate(machine, images, memory, dump=(0, last))
    contents = Contents(memory, golden_contents(machine, compiled, memory))
    write_listing(tmp_path / "w.s", compiled, contents, machine="tiny", title="")
    text = read_listing(tmp_path / "w.s")
    golden = run_on_golden(text)
    rtl = run_on_rtl(text, golden)
    assert not differences(text, golden, rtl)
    assert not golden.races
    assert text.expected and not unmet(text, rtl)
    assert (rtl.cycles, rtl.boot_cycles) == (run.cycles, run.boot_cycles)
    assert rtl.probes == run.probes
    for ours, theirs in zip(rtl.hbm, run.hbm, strict=True):
        assert (ours == theirs[: len(ours)]).all()
        assert not theirs[len(ours) :].any()


def test_every_word_of_every_l1_comes_and_goes_by_file(tmp_path):
    words = load_machine("mesh4").tile.l1_words
    contents = [f".l1 {x},0 0 fp32 {words}x4 random {x}" for x in (0, 1)]
    text = listing(tmp_path, before=contents)
    rtl = run_on_rtl(text)
    for x in (0, 1):
        assert (text.contents[x].view(rtl.l1[x, 0]) == text.contents[x].bits).all()


def test_an_error_has_the_line_and_the_code_of_the_golden_machine(tmp_path):
    text = listing(tmp_path, "sync", "here: put local=0xffe rows=1 words=4 rect=0,0:0,0")
    golden = run_on_golden(text)
    rtl = run_on_rtl(text, golden)
    assert golden.failure.error == rtl.failure.error == (ErrorCode.ADDRESS, (1, 0), Queue.OUT, 5)
    assert "program.s:6 'here'" in golden.failure.text
    assert "program.s:6 'here'" in rtl.failure.text
    assert not differences(text, golden, rtl)


def test_both_deadlocks_wait_at_the_same_lines(tmp_path):
    text = listing(tmp_path, "sync wait=full:1", tile="all")
    golden = run_on_golden(text)
    rtl = run_on_rtl(text, golden)
    assert {tile for tile, _, _ in rtl.failure.waiting} == {(0, 0), (1, 0)}
    assert golden.failure.waiting == rtl.failure.waiting
    assert "semaphore full (3)" in rtl.failure.text
    assert not differences(text, golden, rtl)


@pytest.fixture
def pair(tmp_path):
    text = listing(tmp_path, "sync signal=full", before=[".l1 0,0 1 fp16 1 2 3"])
    golden = run_on_golden(text)
    other = copy.deepcopy(golden)
    other.machine = "RTL"
    return text, golden, other


def test_a_word_of_l1_that_differs(pair):
    text, golden, other = pair
    other.l1[0, 0][18] ^= 1
    assert differences(text, golden, other) == [
        "L1 of tile (0,0), word 0x1: golden 0x00000000000000000000420040003c00, "
        "RTL 0x00000000000000000000420040013c00"
    ]


def test_a_semaphore_and_a_counter_that_differ(pair):
    text, golden, other = pair
    other.semaphores[1, 0][3] += 1
    other.executed[(1, 0), Queue.OUT] -= 1
    assert differences(text, golden, other) == [
        "semaphore full (3) of tile (1,0): golden 1, RTL 2",
        "instructions of tile (1,0) queue out: golden 2, RTL 1",
    ]


def test_only_one_machine_stops(pair):
    text, golden, other = pair
    other.failure = Failure("deadlock", "hung")
    assert differences(text, golden, other) == ["golden came to its end, the RTL did not"]


def test_expectations(tmp_path):
    expected = [
        ".l1 all 1 fp16 1 2 3",
        ".expect l1 1,0 1 fp16 1 2 4",
        ".expect l1 all 1 fp16 1 2 3",
        ".expect semaphore all full 1",
        ".expect hbm 0 0 words 0x5",
    ]
    text = listing(tmp_path, "sync signal=full", before=expected)
    path = text.path
    assert unmet(text, run_on_golden(text)) == [
        f"{path}:4: l1 1,0 1 fp16, L1 of tile (1,0): row 0 column 2 must be 4, golden has 3 "
        "(0x4400, 0x4200); 1 of 3 differ",
        f"{path}:7: hbm 0 0 words, HBM channel 0: row 0 column 0 must be 0x{5:032x}, golden has "
        f"0x{0:032x}; 1 of 1 differ",
        f"{path}:6: semaphore full (3) of tile (0,0) must be 1, golden has 0",
    ]


def test_what_was_stored_beyond_the_text_is_compared(tmp_path):
    text = listing(
        tmp_path,
        "store local=1 remote=0x500 rows=1 words=1 target=0,0 edge=west bump sem=full",
        "sync wait=full:1",
        before=[".l1 1,0 1 fp16 7"],
    )
    golden = run_on_golden(text)
    assert len(golden.hbm[0]) > 0x500 * 16
    assert np.flatnonzero(golden.hbm[0])[0] == 0x500 * 16 + 1
