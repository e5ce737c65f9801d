"""Every element of every tensor has one place in HBM, near the tiles that use it."""

import numpy as np
import pytest

from isa.formats import encode
from isa.instructions import Format
from isa.machine import MACHINES, Hbm
from programs.attention.groups import deal_attention
from programs.attention.placement import place_attention
from programs.attention.tiling import choose_attention
from programs.attention.workload import parse_attention, random_tensors

MESH4 = MACHINES["mesh4"]


def plan_of(machine, spec, dataflow, fmt=Format.FP16, **fixed):
    workload = parse_attention(spec, fmt)
    mapping = choose_attention(machine, workload, dataflow, **fixed)
    return place_attention(machine, workload, mapping, deal_attention(machine, workload, mapping))


@pytest.mark.parametrize("dataflow", ["flat-async", "flat", "flash3", "flash2"])
@pytest.mark.parametrize("fmt", [Format.FP16, Format.E5M2])
def test_pieces_cover_the_tensors_and_do_not_overlap(dataflow, fmt):
    plan = plan_of(MESH4, "mha:Sq=100,Skv=70,D=24,Dv=20,H=5", dataflow, fmt)
    seen = {
        name: np.zeros((5, rows), int)
        for name, rows in (("q", 100), ("k", 70), ("v", 70), ("o", 100))
    }
    used = [np.zeros(words, int) for words in plan.words]
    for piece in plan.slices.values():
        seen[piece.tensor][piece.head, piece.rows.start : piece.rows.start + piece.rows.size] += 1
        at = piece.region.base + piece.offset
        used[piece.region.channel.index][at : at + piece.rows.size * piece.pitch] += 1
        assert piece.offset + piece.rows.size * piece.pitch <= piece.region.words
    assert all((counts == 1).all() for counts in seen.values())
    assert max(counts.max() for counts in used) == 1


def test_what_is_scattered_is_where_the_plan_says():
    plan = plan_of(MESH4, "mha:Sq=50,Skv=70,D=24,Dv=20,H=3", "flat-async", columns=8)
    tensors = dict(zip("qkv", random_tensors(plan.workload, 3), strict=True))
    images = plan.scatter(*tensors.values())
    for piece in plan.slices.values():
        at = (piece.region.base + piece.offset) * 16
        raw = images[piece.region.channel.index][at : at + piece.rows.size * piece.pitch * 16].view(
            np.uint16
        )
        if piece.tensor == "o":
            assert not raw.any()
            raw[:] = piece.head * 100 + np.arange(
                piece.rows.start, piece.rows.start + piece.rows.size
            ).repeat(piece.pitch * 8)
        else:
            part = tensors[piece.tensor][
                piece.head, piece.rows.start : piece.rows.start + piece.rows.size
            ]
            rows = raw.reshape(len(part), -1)
            assert (
                np.array_equal(rows[:, : part.shape[1]], encode(part, Format.FP16))
                and not rows[:, part.shape[1] :].any()
            )
    expected = np.broadcast_to(
        np.arange(3)[:, None, None] * 100 + np.arange(50)[:, None], (3, 50, 20)
    )
    assert np.array_equal(plan.gather(images), expected)
    assert np.array_equal(
        plan.gather([image.view(np.uint32).reshape(-1, 4) for image in images]), expected
    )


def test_slices_are_near_the_tiles_that_use_them():
    plan = plan_of(MESH4, "mha:S=512,D=64,H=4", "flat-async", columns=32)
    mapping = choose_attention(MESH4, plan.workload, "flat-async", columns=32)
    (group,) = deal_attention(MESH4, plan.workload, mapping)
    for block in mapping.column_blocks(plan.workload, 2):
        for x, part in enumerate(group.column_slices(block)):
            for tensor in "kv":
                channel = plan.find(tensor, 2, part).region.channel
                assert (channel.edge, channel.x) == ("south", x)
    for item in group.items:
        for y, part in enumerate(group.row_slices(item[0])):
            for tensor in "qo":
                channel = plan.find(tensor, item[0].head, part).region.channel
                assert (channel.edge, channel.y) == ("west", y)


@pytest.mark.parametrize("heads", [1, 4, 12])
def test_traffic_of_tiles_alone_is_spread_over_the_channels(heads):
    plan = plan_of(MESH4, f"mha:S=512,D=32,H={heads}", "flash2")
    assert max(plan.traffic) <= 1.34 * np.mean(plan.traffic)


def test_the_other_edge_is_used_where_there_is_none():
    machine = MESH4.model_copy(update={"hbm": Hbm(east_pitch=2, bytes_per_cycle=8)})
    plan = plan_of(machine, "mha:S=512,D=64,H=4", "flat-async")
    assert max(plan.traffic) <= 1.3 * np.mean(plan.traffic)


def test_scatter_refuses_other_shapes():
    plan = plan_of(MESH4, "mha:S=64,D=16,H=2", "flat")
    q, k, v = random_tensors(plan.workload, 1)
    with pytest.raises(ValueError, match=r"k must have the shape \(2, 64, 16\), not \(2, 63, 16\)"):
        plan.scatter(q, k[:, 1:], v)
