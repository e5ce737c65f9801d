"""The tiling rule: what it chooses fits, is sensible, and completes what the user fixed."""

import pytest

from isa.errors import UserError
from isa.machine import MACHINES, load_machine
from programs.attention.layout import AttentionLayout
from programs.attention.rough import rough_cycles
from programs.attention.tiling import choose_attention, estimate_attention, rank_attention
from programs.attention.workload import parse_attention
from programs.common.ranges import Range, blocks, share

MESH4 = MACHINES["mesh4"]


def test_ranges():
    assert list(blocks(10, 4)) == [Range(0, 4), Range(4, 4), Range(8, 2)]
    assert list(share(Range(5, 8), 3)) == [Range(5, 3), Range(8, 3), Range(11, 2)]
    assert [r.size for r in share(Range(0, 2), 4)] == [1, 1, 0, 0]


@pytest.mark.parametrize(
    "spec",
    [
        "mha:S=512,D=64,H=4",
        "mha:S=512,D=32,H=12",
        "mha:S=100,D=24,H=2",
        "mha:Sq=1,Skv=300,D=64,H=8",
    ],
)
def test_everything_that_is_ranked_fits(spec):
    workload = parse_attention(spec)
    ranked = rank_attention(MESH4, workload)
    assert {mapping.dataflow for mapping in ranked} == {"flat-async", "flat", "flash3", "flash2"}
    assert all(
        AttentionLayout(MESH4.tile, workload, mapping).words <= MESH4.tile.l1_words
        for mapping in ranked
    )
    best = min(estimate_attention(MESH4, workload, mapping) for mapping in ranked[:40])
    assert estimate_attention(MESH4, workload, ranked[0]) <= 1.01 * best
    # No estimate_attention beats the bound of the arrays or of HBM.
    traffic = workload.heads * 2 * 2 * (workload.sq + workload.skv) * workload.d
    bound = max(workload.useful_macs / MESH4.macs, traffic / MESH4.hbm_bytes_per_cycle)
    assert (
        best >= bound and min(rough_cycles(MESH4, workload, mapping) for mapping in ranked) >= bound
    )


def test_flat_takes_the_whole_mesh_where_it_costs_nothing():
    for dataflow in ("flat", "flat-async"):
        mapping = choose_attention(MESH4, parse_attention("mha:S=512,D=64,H=4"), dataflow)
        assert mapping.group == (4, 4)
    assert choose_attention(MESH4, parse_attention("mha:S=512,D=64,H=4"), "flash2").group == (1, 1)


def test_decode_takes_groups_of_one_row():
    assert (
        choose_attention(MESH4, parse_attention("mha:Sq=1,Skv=512,D=64,H=8"), "flat").group[1] == 1
    )


def test_what_the_user_fixes_stays():
    mapping = choose_attention(
        MESH4, parse_attention("mha:S=512,D=64,H=4"), "flat-async", group="2x4", rows=16, columns=64
    )
    assert (mapping.group, mapping.rows, mapping.columns) == ((2, 4), 16, 64)
    # No more rows than there are for a tile.
    assert choose_attention(MESH4, parse_attention("mha:S=20,D=64,H=4"), "flat", rows=16).rows == 5


def test_a_group_leaves_out_the_dataflows_whose_tiles_work_alone():
    assert choose_attention(MESH4, parse_attention("mha:S=128,D=32,H=2"), group="2x2").group == (
        2,
        2,
    )
    assert choose_attention(MESH4, parse_attention("mha:S=128,D=32,H=2"), group="1x1").group == (
        1,
        1,
    )
    with pytest.raises(UserError, match="rows=512 and columns=512 needs 109568 bytes of L1"):
        choose_attention(
            MESH4, parse_attention("mha:S=512,D=32,H=12"), group="4x4", rows=512, columns=512
        )


def test_two_streams_are_row_blocks_of_a_head_or_two_heads():
    one_block = {"group": "4x4", "rows": 128, "columns": 16}
    assert not choose_attention(
        MESH4, parse_attention("mha:S=512,D=16,H=4"), "flat-async", **one_block
    ).paired
    assert choose_attention(
        MESH4, parse_attention("mha:S=512,D=16,H=1"), "flat-async", rows=64
    ).paired


def test_the_paper_machine_is_no_problem():
    machine = load_machine("paper-2025")
    mapping = choose_attention(
        machine, parse_attention("mha:S=4096,D=128,H=32,B=2"), "flat-async", group="32x32"
    )
    assert mapping.group == (32, 32) and mapping.rows * mapping.columns >= 64 * 128
