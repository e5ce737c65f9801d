"""What programs move, counted by hand and against the engine, and its energy."""

import pytest

from isa.machine import MACHINES, load_machine
from model.energy import MAC, Energy, energy_of, l1_byte, published
from model.moved import Moved, moved
from model.predict import predict
from programs.compiler import compile_workload, parse_workload
from programs.tensors import DTYPES
from programs.text.reader import read_listing
from tb.campaign.trial import overrides
from tb.runner import ROOT

WORD = 16


def counted(name: str) -> Moved:
    listing = read_listing(ROOT / "examples" / f"{name}.s")
    images = {tile: program.words() for tile, program in listing.programs.items()}
    return moved(listing.machine, images)


def test_a_read_that_multicasts_and_two_products():
    seen = counted("multicast")
    assert seen.macs == 2 * 16**3 and seen.elements == 0
    assert seen.hbm_bytes == 32 * WORD
    assert seen.hop_bytes == (1 + 32 * 3) * WORD  # a request; local, east, and local there
    a, b, c = 16 * 16 * 2, 2 * 16 * 16 * 2, 16 * 16 * 4  # B for each of two blocks of 8 rows
    assert seen.l1_bytes == 2 * (32 * WORD + a + b + c)


def test_a_sum_of_two_that_turns_twice():
    seen = counted("reduce")
    assert seen.hop_bytes == 4 * (2 + 3) * WORD  # into the root; back to both
    assert seen.l1_bytes == 4 * (2 + 2) * WORD
    assert seen.macs == seen.hbm_bytes == 0


@pytest.mark.parametrize("flow", ["flat-async", "flat", "flat-tree", "flash2", "flash3"])
@pytest.mark.parametrize("spec", ["mha:S=64,D=16,H=4", "gqa:H=8,Hkv=2,Sq=1,Skv=96,D=32"])
def test_counts_are_those_of_the_engine(flow, spec):
    machine = load_machine("tiny")
    compiled = compile_workload(machine, parse_workload(spec, DTYPES["fp16"]), flow)
    images = {tile: program.words() for tile, program in compiled.programs.items()}
    seen, ran = moved(machine, images), predict(compiled)
    assert seen.hbm_bytes == ran.hbm_read_bytes + ran.hbm_write_bytes
    assert seen.macs >= compiled.useful_macs
    assert seen.hop_bytes > seen.hbm_bytes and seen.l1_bytes > seen.hbm_bytes
    assert energy_of(compiled) == published(machine.tile, seen)


def test_collectives_in_software_take_more_hops():
    machine, work = load_machine("mesh4"), parse_workload("mha:S=256,D=32,H=2", DTYPES["fp16"])
    hardware, tree = (
        energy_of(compile_workload(machine, work, flow, **overrides("4x4", "32x32")))
        for flow in ("flat", "flat-tree")
    )
    assert tree.network > hardware.network and tree.hbm == hardware.hbm


def test_energies_are_the_published_ones():
    tile = MACHINES["mesh4"].tile  # banks of 16 KiB: halfway between 8 and 32
    assert l1_byte(tile) == pytest.approx((10 + 20) / 2 / 8)
    seen = published(tile, Moved(10**12, 0, 10**12, 10**12, 10**12))
    assert seen == pytest.approx((MAC, 0.0, (10 + 20) / 2 / 8, 0.15, 31.2))
    assert (
        seen.total
        == pytest.approx(sum(Energy(*seen)))
        == pytest.approx(seen.row()["energy_joules"])
    )


def test_a_larger_bank_takes_more_for_a_byte():
    small, large = MACHINES["mesh4"].tile, MACHINES["paper-2025"].tile
    assert l1_byte(small) < l1_byte(large) < 100 / 8
