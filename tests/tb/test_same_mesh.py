"""A run in several ways: compiled tiles, boots, arrays, threads, sleep: same cycles, same bits."""

import numpy as np
import pytest

from isa.errors import UserError
from isa.instructions import Queue
from isa.machine import MACHINES
from isa.status import QUEUE_PROBES, Probe
from programs.tensors import load_workload
from tb.experiment import run_experiment
from tb.hardware import ARRAYS
from tb.mesh import RunFailure, Settings, Window, simulate
from tests.tb.images import image

TINY = MACHINES["tiny"]


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
    """PEs side by side, through Verilog, and by the host's arithmetic: the same cycles, counters,
    events and bits.
    """
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


def test_no_waveform_of_the_functional_array(tmp_path):
    settings = Settings(array="functional", waves=Window(tmp_path / "waves.vcd"))
    with pytest.raises(UserError, match=r"^ARRAY=functional is for our mesh without waves"):
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
