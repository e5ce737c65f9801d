"""Whatever machine passes validation can be emitted, and the cheapest can be compiled and run."""

import pytest
from hypothesis import HealthCheck, given, reject, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from hw.emit import emit
from hw.tile.tile import Tile as TileComponent
from isa.machine import Hbm, Machine, Mesh, Tile
from programs.tensors import load_workload
from tb.experiment import run_experiment


def power(least: int, most: int):
    return st.integers(least, most).map(lambda exponent: 1 << exponent)


@st.composite
def machines(draw, *, widest=9, **fixed):
    """Machines of one small tile with any proportions; `fixed` fields of the tile are as given, and
    links have at most 2 to the power of `widest` bits.
    """
    link, banks = draw(power(7, widest)), draw(power(0, 2))
    columns = draw(power(0, 3))
    numbers = {
        "matrix_rows": draw(st.integers(1, 3)),
        "matrix_columns": columns,
        "mac_latency": draw(st.integers(2, 4)),
        "vector_lanes": draw(power(0, 3)),
        "l1_bytes": link * banks // 8 * draw(st.integers(1, 80)),
        "l1_banks": banks,
        "link_bits": link,
        "program_instructions": draw(st.integers(16, 70)),
        "semaphores": draw(st.integers(4, 32)),
        "semaphore_bits": draw(st.integers(4, 16)),
    }
    mesh = Mesh(
        columns=1,
        rows=1,
        fifo_depth=draw(st.integers(2, 5)),
        adder_stages=draw(st.integers(1, 2)),
        reduce_formats=("fp32", *draw(st.sets(st.sampled_from(["fp16", "bf16", "e4m3", "e5m2"])))),
    )
    hbm = Hbm(west_pitch=1, bytes_per_cycle=draw(st.integers(1, 16)))
    try:
        return Machine(name="drawn", mesh=mesh, tile=Tile(**(numbers | fixed)), hbm=hbm)
    except ValidationError:
        reject()


@settings(max_examples=2, deadline=None, suppress_health_check=list(HealthCheck))
@given(machines(widest=8))
def test_a_valid_machine_is_emitted(machine):
    """A tile takes seconds, with wide links ten, and the first that is drawn is the smallest."""
    assert "module tile(" in emit(TileComponent(machine=machine), "tile")


@pytest.mark.slow  # what is drawn above with narrower links is emitted by `make test`
@settings(max_examples=4, deadline=None, suppress_health_check=list(HealthCheck))
@given(machines())
def test_a_valid_machine_with_wide_links_is_emitted(machine):
    assert "module tile(" in emit(TileComponent(machine=machine), "tile")


ONE_BANK = Tile(
    matrix_rows=2,
    matrix_columns=4,
    vector_lanes=2,
    l1_bytes=8 << 10,
    l1_banks=1,
    link_bits=128,
)


@pytest.mark.slow
def test_one_bank_builds_and_runs():
    hbm = Hbm(west_pitch=1, bytes_per_cycle=8)
    machine = Machine(name="one-bank", mesh=Mesh(columns=2, rows=1), tile=ONE_BANK, hbm=hbm)
    assert run_experiment(machine, load_workload("mha:S=16,D=8,H=2", "fp16", 1), "flat").passed


@pytest.mark.slow
@settings(max_examples=2, deadline=None, suppress_health_check=list(HealthCheck))
@given(machines(program_instructions=120, l1_bytes=16 << 10))
def test_a_valid_machine_builds_and_runs(machine):
    assert run_experiment(machine, load_workload("mha:S=8,D=8,H=1", "fp16", 1), "flash2").passed
