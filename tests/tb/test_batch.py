"""A run of a batch is the run that it would have been alone."""

from dataclasses import replace

import numpy as np

from isa.errors import UserError
from isa.instructions import BITS
from isa.machine import MACHINES
from isa.status import Probe
from tb.batch import Job, run_trials, simulate_batch
from tb.hardware import Design, verilog
from tb.mesh import MeshRun, RunFailure, Settings, simulate
from tb.runner import SimulationFailure
from tests.tb.images import image
from verify.conformance.cases import cases
from verify.conformance.check import settings_of
from verify.conformance.prepare import prepare

TINY = MACHINES["tiny"]
NAMES = ("d-gate-flat-async", "tiles-wild-2x2-0", "d-one-fp16", "d-many-heads")
CASES = [case for case in cases("default", 1) if case.name in NAMES]
LATENCIES = (1, 60, 400)


def job_of(case, **settings) -> Job:
    expected = prepare(case, TINY)
    chosen = replace(settings_of(case), counters=True, **settings)
    return Job(expected.machine, expected.images(), expected.start, chosen)


def alone(job: Job) -> MeshRun | RunFailure:
    try:
        return simulate(
            job.machine, job.images, job.hbm, dump=(0, job.words - 1), settings=job.settings
        )
    except RunFailure as failure:
        return failure


def known(found: MeshRun | RunFailure) -> tuple:
    """All that a run tells, but for times."""
    stopped = isinstance(found, RunFailure)
    run = found.run if stopped else found
    said = (found.kind, str(found), found.later) if stopped else ()
    hbm = [content.tobytes() for content in run.hbm]
    return run.cycles, run.boot_cycles, run.probes, run.words_read, run.words_written, hbm, said


def wrong_job() -> Job:
    """A tile stops the machine, with an instruction that has lost a bit."""
    images = {tile: image() for tile in [(0, 0), (1, 0), (0, 1), (1, 1)]}
    images[1, 0] = image(vector="sync\nsync\nhalt")
    images[1, 0][3] ^= 1 << BITS - 1
    nothing = [np.zeros(16, np.uint8) for _ in TINY.channels]
    return Job(TINY.with_mesh("2x2"), images, nothing, Settings(watchdog=2000))


def test_every_cycle_bit_and_counter_is_that_of_a_run_alone():
    """In any order, after runs that stop, hang or never end; HBM as fast as each wants it."""
    jobs = [job_of(case) for case in CASES]
    hanging = replace(jobs[0], settings=replace(jobs[0].settings, watchdog=20))
    endless = replace(jobs[-1], settings=replace(jobs[-1].settings, most_cycles=100))
    jobs = [wrong_job(), jobs[0], hanging, *jobs[1:], endless, jobs[0], wrong_job()]
    seen = [found for [found] in simulate_batch(jobs)]
    assert [known(found) for found in seen] == [known(alone(job)) for job in jobs]
    kinds = [found.kind for found in seen if isinstance(found, RunFailure)]
    assert kinds == ["error", "hang", "endless", "error"]


def test_without_counters_the_rest_is_the_same():
    few = [
        replace(job, settings=replace(job.settings, counters=False)) for job in map(job_of, CASES)
    ]
    for job, [found] in zip(few, simulate_batch(few), strict=True):
        whole = alone(replace(job, settings=replace(job.settings, counters=True)))
        assert found.cycles == whole.cycles
        semaphores = slice(Probe.SEMAPHORE, Probe.SEMAPHORE + TINY.tile.semaphores)
        counters = slice(Probe.FLITS_DATA, Probe.QUEUE)
        assert any(any(values[counters]) for values in whole.probes.values())
        for tile, values in found.probes.items():
            assert values[semaphores] == whole.probes[tile][semaphores]
            assert not any(values[counters])


def test_runs_that_differ_in_an_input():
    job = job_of(CASES[0])
    branches = tuple({"hbm_latency": latency} for latency in LATENCIES)
    [seen] = simulate_batch(
        [replace(job, branches=branches)], Design(verilog(job.machine, native=True))
    )
    assert known(seen[1]) == known(alone(job))
    assert seen[0].cycles < seen[1].cycles < seen[2].cycles


def test_images_that_do_not_fit_are_refused_and_the_others_run():
    job = job_of(CASES[0])
    slots = TINY.tile.program_instructions + 1
    long = replace(job, images={tile: words[:1] * slots for tile, words in job.images.items()})
    [[refused], [found]] = simulate_batch([long, job])
    assert isinstance(refused, UserError) and f"needs {slots} instruction slots" in str(refused)
    assert found.cycles


def test_a_simulator_that_dies_takes_nobody_with_it():
    job = job_of(CASES[0])
    text = verilog(job.machine, native=True)
    dies = "    always @(posedge clk) if (hbm_latency == 7) $finish;\nendmodule"
    before, mesh, after = text["mesh.v"].partition("\nmodule mesh(")
    design = Design({**text, "mesh.v": before + mesh + after.replace("endmodule", dies, 1)})
    branches = ({"hbm_latency": 7}, {"hbm_latency": 60})
    [[died, found]] = simulate_batch([replace(job, branches=branches)], design)
    assert isinstance(died, SimulationFailure) and known(found) == known(alone(job))


def test_trials_go_on_together_with_what_they_have_seen():
    rounds = []

    def trial(count: int):
        cycles = []
        for _ in range(count):
            [[found]] = yield [job_of(CASES[0])]
            cycles.append(found.cycles)
            rounds.append(count)
        return cycles

    seen = run_trials([trial(2), trial(0), trial(1)])
    assert [len(cycles) for cycles in seen] == [2, 0, 1] and len({*seen[0], *seen[2]}) == 1
    assert rounds == [2, 1, 2]
