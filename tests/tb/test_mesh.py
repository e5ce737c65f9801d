"""The RTL mesh stops with one line that names the culprit; every program here is a few instructions
on the 2x2 machine.
"""

import numpy as np
import pytest

from isa.assembler import assemble
from isa.errors import UserError
from isa.instructions import BITS, CHECKSUM, Queue
from isa.machine import MACHINES
from isa.status import QUEUE_PROBES, Probe
from programs.tensors import load_workload
from tb.experiment import run_experiment
from tb.hardware import ARRAYS
from tb.mesh import RunFailure, Settings, Window, simulate

TINY = MACHINES["tiny"]
IDLE = {"matrix": "halt", "vector": "halt", "load": "halt", "out": "halt"}


def image(**queues: str) -> list[int]:
    """Program image with the given queues, the others halting at once."""
    return assemble(
        "\n".join(f".queue {name}\n{code}" for name, code in {**IDLE, **queues}.items())
    ).words()


def run(special: list[int], *, at=(1, 0), watchdog=2000):
    images = {tile: image() for tile in [(0, 0), (1, 0), (0, 1), (1, 1)]}
    images[at] = special
    hbm = [np.zeros(64 * 16, np.uint8) for _ in TINY.channels]
    return simulate(TINY, images, hbm, dump=(0, 63), settings=Settings(watchdog=watchdog))


def reseal(word: int) -> int:
    """Give a tampered instruction a good checksum again."""
    word &= ~(0xFF << 8)
    fold = 0
    for byte in word.to_bytes(BITS // 8, "little"):
        fold ^= byte
    return word | (fold ^ CHECKSUM) << 8


def test_idle_programs_finish():
    seen = run(image())
    assert seen.cycles < 100
    assert seen.words_read == [0] * len(TINY.channels)


@pytest.mark.parametrize("bit", [0, 13, 77, 255])
def test_a_flipped_bit_in_an_instruction(bit):
    words = image(vector="sync\nsync\nhalt")
    slot = 1 + 1 + 1  # header, matrix halt, first vector sync
    words[slot] ^= 1 << bit
    with pytest.raises(
        RunFailure,
        match=r"^tile \(1,0\) stopped in cycle \d+: BAD_CHECKSUM, "
        f"queue vector, instruction slot {slot},",
    ):
        run(words)


def test_a_flipped_bit_in_the_header():
    words = image()
    words[0] ^= 1 << 70
    with pytest.raises(RunFailure, match=r"^tile \(0,1\) stopped in cycle 0: BAD_HEADER"):
        run(words, at=(0, 1))


def test_an_unknown_opcode():
    words = image(out="sync\nhalt")
    words[4] = reseal(words[4] & ~0xFF | 0x7B)
    with pytest.raises(
        RunFailure,
        match=r"^tile \(1,1\) stopped in cycle \d+: ILLEGAL, queue out, instruction slot 4,",
    ):
        run(words, at=(1, 1))


def test_a_semaphore_that_never_comes():
    with pytest.raises(
        RunFailure,
        match=r"^hung: .*tile \(1,0\) load slot \d+ waits for semaphore 5 >= 2, it is 1$",
    ):
        run(image(load="sync signal=5\nsync wait=5:2\nhalt"), watchdog=500)


def test_a_read_beyond_the_l1():
    words = image(vector="fill d=4000 ldd=64 m=8 n=4 fmt_d=fp32\nhalt")
    with pytest.raises(
        RunFailure,
        match=r"^tile \(1,0\) stopped in cycle \d+: ADDRESS, queue vector, instruction slot 2,",
    ):
        run(words)


def test_a_put_beyond_the_receivers_l1():
    words = image(out="put local=0 remote=0xffe rows=1 words=4 x0=1 x1=1 y0=1 y1=1\nhalt")
    with pytest.raises(
        RunFailure,
        match=r"^tile \(1,1\) stopped in cycle \d+: REMOTE_ADDRESS, arriving flits, detail 0x1000",
    ):
        run(words)


def test_a_semaphore_that_overflows():
    words = image(load="loop imm=300\nsync signal=9\nend\nhalt")
    with pytest.raises(
        RunFailure, match=r"^tile \(1,0\) stopped in cycle \d+: SEMAPHORE_OVERFLOW, .*detail 0x9"
    ):
        run(words)


def test_a_rectangle_outside_the_mesh():
    words = image(out="put local=0 remote=0 rows=1 words=1 x0=1 x1=2 y0=0 y1=0\nhalt")
    with pytest.raises(
        RunFailure,
        match=r"^tile \(1,0\) stopped in cycle \d+: RECTANGLE, queue out, instruction slot 4,",
    ):
        run(words)


def test_a_reduction_that_members_disagree_on():
    def member(tag: int) -> list[int]:
        return image(
            out=(
                "reduce local=0 remote=16 rows=1 words=4 x0=0 x1=1 y0=0 y1=0 target_x=1 fmt=fp32 "
                f"tag={tag}\nhalt"
            )
        )

    images = {(0, 0): member(3), (1, 0): member(4), (0, 1): image(), (1, 1): image()}
    hbm = [np.zeros(16, np.uint8) for _ in TINY.channels]
    with pytest.raises(
        RunFailure,
        match=r"^tile \(1,0\) stopped in cycle \d+: REDUCE_MISMATCH, arriving flits, tag [34]",
    ):
        simulate(TINY, images, hbm, dump=(0, 0), settings=Settings(watchdog=1000))


def test_a_reduction_that_a_member_leaves_out():
    """All queues have halted, and yet the run does not count as finished."""
    reduce = (
        "reduce local=0 remote=16 rows=1 words=4 x0=0 x1=1 y0=0 y1=0 target_x=1 fmt=fp32 tag=9\n"
        "halt"
    )
    images = {tile: image() for tile in [(0, 0), (1, 0), (0, 1), (1, 1)]} | {
        (0, 0): image(out=reduce)
    }
    hbm = [np.zeros(16, np.uint8) for _ in TINY.channels]
    with pytest.raises(
        RunFailure,
        match=r"^tile \(1,0\) stopped in cycle \d+: REDUCE_INCOMPLETE, arriving flits, tag 9$",
    ) as caught:
        simulate(TINY, images, hbm, dump=(0, 0))
    assert int(str(caught.value).split("cycle ")[1].split(":")[0]) < 1000


def test_images_and_data_that_do_not_fit():
    images = {tile: image() for tile in [(0, 0), (1, 0), (0, 1), (1, 1)]}
    small = TINY.model_copy(update={"hbm": TINY.hbm.model_copy(update={"channel_bytes": 4096})})
    with pytest.raises(UserError, match=r"^HBM channel 0 needs \d+ words of 16 B, it has 256$"):
        simulate(small, images, [np.zeros(4096, np.uint8)] * 4, dump=(0, 0))
    long = image(load="sync\n" * 600 + "halt")
    with pytest.raises(
        UserError,
        match=r"^the program needs 60\d instruction slots, the tile has program_instructions=512$",
    ):
        simulate(TINY, dict.fromkeys(images, long), [np.zeros(16, np.uint8)] * 4, dump=(0, 0))


@pytest.mark.slow
@pytest.mark.parametrize("stall_rate", [0, 80])
def test_compiled_tiles_change_no_cycle(stall_rate):
    """Tiles as C++ objects do in every cycle what they do in a mesh of Verilog, stalled or not."""
    tensors = load_workload("mha:S=40,D=24,H=2", "fp16", 1)
    one, other = (
        run_experiment(
            TINY,
            tensors,
            "flat-async",
            settings=Settings(
                transport=transport, events=True, stall_rate=stall_rate, stall_seed=5
            ),
        )
        for transport in (True, False)
    )
    assert one.passed and other.passed
    assert one.run.probes == other.run.probes and one.run.cycles == other.run.cycles
    assert np.array_equal(one.run.events, other.run.events)


@pytest.mark.parametrize("mesh", ["2x2", "3x2"])
def test_a_direct_boot_leaves_what_a_boot_over_the_network_leaves(mesh):
    """The same cycles from the start on, counters, queues, semaphores, traffic and memory."""
    machine, tensors = TINY.with_mesh(mesh), load_workload("mha:S=40,D=24,H=2", "fp16", 1)
    network, direct = (
        run_experiment(machine, tensors, "flat-async", settings=Settings(direct_boot=choice))
        for choice in (False, True)
    )
    assert network.passed and direct.passed
    assert direct.run.boot_cycles < network.run.boot_cycles
    one, other = network.run, direct.run
    assert one.cycles == other.cycles and one.probes == other.probes
    assert one.words_read == other.words_read and one.words_written == other.words_written
    assert all(map(np.array_equal, one.hbm, other.hbm))


@pytest.mark.parametrize("stall_rate", [0, 80])
def test_other_arrays_change_no_cycle(stall_rate):
    """Cycles, every counter, every event and every bit are those of the array's RTL."""
    tensors = load_workload("mha:S=40,D=24,H=2", "fp16", 1)
    rtl, *others = (
        run_experiment(
            TINY,
            tensors,
            "flat-async",
            settings=Settings(array=array, events=True, stall_rate=stall_rate, stall_seed=5),
        )
        for array in ARRAYS
    )
    assert tuple(one.result["array"] for one in (rtl, *others)) == ARRAYS
    for other in others:
        assert rtl.passed and other.passed
        assert rtl.run.probes == other.run.probes and rtl.run.cycles == other.run.cycles
        assert np.array_equal(rtl.run.events, other.run.events)
        assert np.array_equal(rtl.arrays["o"], other.arrays["o"], equal_nan=True)


@pytest.mark.parametrize("array", ARRAYS[1:])
def test_no_waveform_of_another_array(tmp_path, array):
    settings = Settings(array=array, waves=Window(tmp_path / "waves.vcd"))
    with pytest.raises(UserError, match=rf"^ARRAY={array} is for our mesh without waves"):
        simulate(TINY, {}, [], dump=(0, 0), settings=settings)


def same(one, other):
    """Whether two experiments have had the same cycles, counters, events and bits."""
    return (
        (one.run.cycles, one.run.boot_cycles, one.run.probes, one.run.words_read)
        == (other.run.cycles, other.run.boot_cycles, other.run.probes, other.run.words_read)
        and np.array_equal(one.run.events, other.run.events)
        and all(map(np.array_equal, one.run.hbm, other.run.hbm))
    )


@pytest.mark.parametrize("stall_rate", [0, 80])
@pytest.mark.parametrize("direct_boot", [False, True])
def test_threads_change_no_cycle(stall_rate, direct_boot):
    """Nor does a second run with as many of them."""
    tensors = load_workload("mha:S=40,D=24,H=2", "fp16", 1)
    first, *others = (
        run_experiment(
            TINY,
            tensors,
            "flat-async",
            settings=Settings(
                threads=threads,
                direct_boot=direct_boot,
                events=True,
                stall_rate=stall_rate,
                stall_seed=5,
            ),
        )
        for threads in (1, 2, 3, 3)
    )
    assert first.passed and all(same(first, other) for other in others)


def test_an_error_is_the_same_with_threads():
    words = image(vector="fill d=4000 ldd=64 m=8 n=4 fmt_d=fp32\nhalt")
    images = {tile: image() for tile in [(0, 0), (0, 1), (1, 1)]} | {(1, 0): words}
    hbm = [np.zeros(64, np.uint8) for _ in TINY.channels]
    said = []
    for threads in (1, 2):
        with pytest.raises(RunFailure) as caught:
            simulate(TINY, images, hbm, dump=(0, 0), settings=Settings(threads=threads))
        said.append((str(caught.value), caught.value.probes, caught.value.later))
    assert said[0] == said[1]


def test_threads_are_for_our_mesh_without_waves(tmp_path):
    settings = Settings(threads=2, waves=Window(tmp_path / "waves.vcd"))
    with pytest.raises(UserError, match=r"^THREADS is for our mesh without waves"):
        simulate(TINY, {}, [], dump=(0, 0), settings=settings)


def test_a_sleeping_tile_counts_its_cycles():
    """A queue waits for as many cycles as another one works, and counts all of them."""

    def wait(turns: int):
        images = {tile: image() for tile in [(1, 0), (0, 1)]}
        images[1, 1] = image(load="sync wait=5:1\nhalt")
        images[0, 0] = image(load=f"loop imm={turns}\nsync\nend\nsync remote=5@1,1\nhalt")
        hbm = [np.zeros(64, np.uint8) for _ in TINY.channels]
        seen = simulate(TINY, images, hbm, dump=(0, 0))
        waited = seen.probes[1, 1][
            Probe.QUEUE + 16 * Queue.LOAD + QUEUE_PROBES.index("cycles_wait")
        ]
        return seen.cycles, waited

    (cycles, waited), *longer = (wait(turns) for turns in (10, 110, 250))
    for more_cycles, more_waited in longer:
        assert more_waited - waited == more_cycles - cycles > 100
