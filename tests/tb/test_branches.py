"""Many runs from one start of the simulator are the runs that each would have been alone."""

from dataclasses import replace

from isa.machine import MACHINES
from tb.branches import simulate_branches
from tb.hardware import Design, verilog
from tb.mesh import RunFailure, simulate
from verify.conformance.cases import cases
from verify.conformance.check import settings_of
from verify.conformance.prepare import prepare

CASE = next(case for case in cases("default", 1) if case.name == "d-gate-flat-async")
LATENCIES = (1, 60, 400)


def test_runs_that_differ_in_an_input():
    expected = prepare(CASE, MACHINES["tiny"])
    machine, images = expected.machine, expected.images()
    design = Design(verilog(machine, native=True))
    branches = [{"hbm_latency": latency} for latency in LATENCIES]
    settings = settings_of(replace(CASE, latency=400))
    seen = simulate_branches(machine, images, expected.start, design, branches, settings)
    alone = simulate(machine, images, expected.start, dump=expected.dump, settings=settings)
    assert seen[1].cycles == alone.cycles and seen[1].probes == alone.probes
    for run in seen:
        assert all((a == b).all() for a, b in zip(run.hbm, alone.hbm, strict=True))
    assert seen[0].cycles < seen[1].cycles < seen[2].cycles


def test_one_that_hangs_leaves_the_others_alone():
    expected = prepare(CASE, MACHINES["tiny"])
    machine = expected.machine
    design = Design(verilog(machine, native=True))
    branches = [{"watchdog": 20}, {"watchdog": 2000}]
    seen = simulate_branches(
        machine, expected.images(), expected.start, design, branches, settings_of(CASE)
    )
    assert isinstance(seen[0], RunFailure) and seen[0].kind == "hang"
    assert seen[1].cycles > 0
