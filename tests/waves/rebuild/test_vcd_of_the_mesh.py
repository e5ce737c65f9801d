"""What is read from the VCD of a real run is what the hardware counted."""

import numpy as np
import pytest

from isa.instructions import Queue
from isa.machine import MACHINES
from isa.status import QUEUE_PROBES, Event, Probe, QueueState
from programs.tensors import load_workload
from tb.experiment import run_experiment
from tests.waves.rebuild.test_vcd import same
from waves.read.recording import Link
from waves.read.vcd import read

TINY = MACHINES["tiny"]
COUNTED = {
    Probe.MATRIX_ACTIVE: lambda engines: engines[Queue.MATRIX].active,
    Probe.MATRIX_OPERAND_STALL: lambda engines: engines[Queue.MATRIX].stalls["operand"],
    Probe.MATRIX_DRAIN_STALL: lambda engines: engines[Queue.MATRIX].stalls["drain"],
    Probe.VECTOR_ACTIVE: lambda engines: engines[Queue.VECTOR].active,
    Probe.OUT_STALL: lambda engines: engines[Queue.OUT].stalls["network"],
}


def length(runs: np.ndarray) -> int:
    return int((runs["end"] - runs["begin"]).sum())


@pytest.fixture(scope="module")
def recording(tiny_run):
    return read(tiny_run[1], reader="vcdvcd")


def test_counters(tiny_run, recording):
    for tile, probes in tiny_run[0].probes.items():
        engines = {queue: recording.engines[tile, queue] for queue in Queue}
        assert {probe: length(of(engines)) for probe, of in COUNTED.items()} == {
            probe: probes[probe] for probe in COUNTED
        }
        assert len(engines[Queue.LOAD].executed) == probes[Probe.LOAD_REQUESTS]
        for queue, engine in engines.items():
            shown = dict(zip(QUEUE_PROBES, probes[Probe.QUEUE + 16 * queue :], strict=False))
            assert length(engine.waits) == shown["cycles_wait"]
            states = {
                state: length(engine.states[engine.states["value"] == state])
                for state in QueueState
            }
            assert states[QueueState.FETCH] == shown["cycles_fetch"]
            assert states[QueueState.ENGINE] + states[QueueState.DRAIN] == shown["cycles_engine"]
            assert sum(states.values()) == recording.cycles
        for network, first in (
            ("data", Probe.FLITS_DATA),
            ("request", Probe.FLITS_REQUEST),
            ("reduce", Probe.FLITS_REDUCE),
        ):
            for index, port in enumerate(("west", "east", "south", "north")):
                traffic = recording.traffic.get(Link(network, tile, port))
                assert probes[first + index] == (0 if traffic is None else len(traffic)), (
                    tile,
                    network,
                    port,
                )


def test_cycles_of_events(tiny_run, recording):
    events = tiny_run[0].events
    for tile in tiny_run[0].probes:
        own = events[(events["x"] == tile[0]) & (events["y"] == tile[1])]
        for kind, queue in ((Event.ISSUE_LOAD, Queue.LOAD), (Event.ISSUE_OUT, Queue.OUT)):
            executed, issues = recording.engines[tile, queue].executed, own[own["kind"] == kind]
            assert executed["issued"].tolist() == issues["cycle"].tolist()
            assert executed["tag"].tolist() == issues["tag"].tolist()


def test_both_readers(tiny_run, recording):
    pytest.importorskip("pywellen")
    assert same(recording, read(tiny_run[1], reader="pywellen"))


def test_waves_change_no_cycle(tiny_run):
    plain = run_experiment(TINY, load_workload("mha:S=40,D=24,H=2", "fp16", 1), "flat-async").run
    assert (plain.cycles, plain.boot_cycles) == (tiny_run[0].cycles, tiny_run[0].boot_cycles)
    assert plain.probes == tiny_run[0].probes
