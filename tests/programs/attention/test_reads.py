"""Which reads the tiling rule takes: multicasts, or loading tiles that pass on, where all channels
are south or north.
"""

from dataclasses import replace

import numpy as np
import pytest

from isa.machine import Machine, load_machine
from programs.attention.compile import compile_attention
from programs.attention.groups import deal_attention
from programs.attention.hbm_timing import links_of
from programs.attention.tiling import choose_attention, estimate_attention, rank_attention
from programs.attention.workload import parse_attention
from tests.programs.attention.golden_run import run

EDGES = ("west", "east", "south", "north")


def at(name: str, mesh: str, *edges: str, rate: int = 0) -> Machine:
    """A machine with a channel at every tile of some edges."""
    machine = load_machine(name, mesh or None)
    changed = {f"{edge}_pitch": int(edge in edges) for edge in EDGES}
    changed |= {"bytes_per_cycle": rate or machine.hbm.bytes_per_cycle}
    return machine.model_copy(update={"hbm": machine.hbm.model_copy(update=changed)})


@pytest.mark.parametrize(
    ("machine", "spec", "reads"),
    [
        # Faster by 46, 28 and 9 % in the timing model: docs/tuning.md.
        (at("mesh8", "", "south"), "gqa:B=2,H=16,Hkv=4,S=64,D=64", "forward"),
        (at("mesh8", "", "south"), "mha:S=128,D=64,H=8", "forward"),
        (at("paper-2026", "16x16", "south"), "mha:S=1024,D=64,H=16,B=2", "forward"),
        # Slower by 11 and 3 %, and where there are channels west nothing goes along one row.
        (at("mesh4", "", "south"), "mha:S=128,D=64,H=4", "multicast"),
        (at("mesh8", "", "south", "north"), "mha:S=256,D=64,H=8", "multicast"),
        (at("mesh8", "", "west"), "gqa:B=2,H=16,Hkv=4,S=64,D=64", "multicast"),
        (at("mesh8", "", "west", "south"), "gqa:B=2,H=16,Hkv=4,S=64,D=64", "multicast"),
    ],
)
def test_loaders_pass_on_where_links_at_the_channels_would_be_full(machine, spec, reads):
    workload = parse_attention(spec)
    mapping = choose_attention(machine, workload)
    assert mapping.reads == reads
    # Everything else is as it is without.
    assert choose_attention(machine, workload, forward=False) == replace(mapping, reads="multicast")
    assert compile_attention(machine, workload).mapping == mapping


def test_what_the_user_says_of_reads_stays():
    machine = at("mesh8", "", "south")
    workload = parse_attention("mha:S=128,D=64,H=8")
    for reads in ("multicast", "forward"):
        assert compile_attention(machine, workload, reads=reads).mapping.reads == reads
    assert {one.reads for one in rank_attention(machine, workload, forward=False)} == {"multicast"}


def test_links_count_where_all_channels_are_south_or_north():
    workload, spec = parse_attention("mha:S=256,D=64,H=8"), ("mesh8", "")
    mapping = choose_attention(at(*spec, "south", "west"), workload, "flat-async", group="8x8")
    forward, one = replace(mapping, reads="forward"), replace(mapping, group=(1, 1))
    south, both = (
        links_of(at(*spec, *edges), mapping, 1) for edges in (("south",), ("south", "north"))
    )
    # K and V of one column; Q of all eight rows, a half of it from each edge.
    assert south.keys == 1 and both == (0.5, south.queries / 2) and south.queries >= 8
    assert links_of(at(*spec, "south", "west"), mapping, 1) == (0, 0)
    assert (
        links_of(at(*spec, "south"), forward, 1) == links_of(at(*spec, "south"), one, 64) == (0, 0)
    )
    # Two groups side by side: half as many Q go up a column, and a quarter of half of all across.
    narrow = replace(mapping, group=(4, 8))
    assert links_of(at(*spec, "south"), narrow, 2).queries == pytest.approx(
        south.queries * (1 + 2 / 8)
    )


def test_full_links_take_time():
    workload = parse_attention("mha:S=128,D=64,H=8")
    machine = at("mesh8", "", "south")
    mapping = choose_attention(machine, workload, forward=False)
    free, full = (estimate_attention(machine, workload, mapping, links=on) for on in (False, True))
    assert full > 1.1 * free
    # Passing on takes time as well.
    forward = replace(mapping, reads="forward")
    assert free < estimate_attention(machine, workload, forward) < full


def test_a_passed_on_q_comes_from_the_channel_below_its_loader():
    machine = at("mesh8", "8x4", "south")
    workload = parse_attention("mha:S=128,D=32,H=4")
    compiled = compile_attention(machine, workload, group="8x4", reads="forward")
    (group,) = deal_attention(machine, workload, compiled.mapping)
    for item in group.items:
        for block in filter(None, item):
            for y, rows in enumerate(group.row_slices(block)):
                if rows.size:
                    found = compiled.placement.find("q", block.head, rows)
                    assert found.region.channel.x == group.tile(group.loaders.q[y], y)[0]


@pytest.mark.parametrize("edges", [("south",), ("north",), ("south", "north")])
def test_the_same_bits_wherever_channels_are(edges):
    machine, spec = at("mesh4", "5x3", *edges), "mha:S=50,D=24,H=3"
    multicast, forward = (
        run(machine, spec, "flat-async", reads=reads) for reads in ("multicast", "forward")
    )
    assert np.array_equal(multicast, forward)
