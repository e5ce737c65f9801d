"""The attention family on the golden machine: heads that share K and V, on odd meshes and with
tails.
"""

import numpy as np
import pytest

from golden.attention import Blocked, attention, online_attention
from golden.dry import check
from golden.machine import GoldenMachine
from isa.errors import UserError
from isa.formats import decode
from isa.machine import load_machine
from programs.attention.arrays import from_arrays
from programs.attention.compile import compile_attention
from programs.attention.groups import deal_attention
from programs.attention.workload import parse_attention, random_tensors

FLOWS = ("flat-async", "flat", "flash3", "flash2")


def run(mesh, spec, dataflow=None, *, seed=None, **fixed):
    """Output of a compiled workload, its statistics and its compilation, after checking error and
    HBM traffic.
    """
    machine, workload = load_machine("mesh4", mesh), parse_attention(spec)
    compiled = compile_attention(machine, workload, dataflow, **fixed)
    tensors = random_tensors(workload, 7)
    golden = GoldenMachine(
        machine, compiled.programs, compiled.placement.scatter(*tensors), seed=seed
    )
    statistics = golden.run()
    out = compiled.placement.gather(golden.hbm)
    assert out.shape == (workload.heads, workload.sq, workload.dv)
    keys = {"causal": workload.causal, "lengths": workload.lengths}
    exact = attention(*tensors, **keys)
    blocked = Blocked(compiled.mapping.columns, workload.fmt)
    reference = online_attention(*tensors, blocked, **keys)
    error, floor = np.abs(decode(out, workload.fmt) - exact).max(), np.abs(reference - exact).max()
    assert error <= 2 * floor, (
        f"error {error:.3g} against fp64, same-precision reference {floor:.3g}"
    )
    word_bytes = machine.tile.word_bytes
    assert sum(statistics.hbm_words_read) * word_bytes == compiled.hbm_ideal_read_bytes
    assert sum(statistics.hbm_words_written) * word_bytes == compiled.hbm_ideal_write_bytes
    assert statistics.macs == compiled.useful_macs or (
        workload.causal and statistics.macs > compiled.useful_macs
    )
    return out, statistics, compiled


@pytest.mark.parametrize("dataflow", FLOWS)
@pytest.mark.parametrize(
    ("mesh", "spec"),
    [
        ("3x2", "gqa:S=37,D=24,H=6,Hkv=2"),
        ("5x3", "gqa:B=2,Sq=11,Skv=50,D=17,Dv=9,H=6,Hkv=3"),
        ("2x2", "mqa:B=3,H=5,S=20,D=8,Dv=12"),
    ],
)
def test_stacked_heads_in_any_order(mesh, spec, dataflow):
    first, *_ = run(mesh, spec, dataflow)
    assert np.array_equal(first, run(mesh, spec, dataflow, seed=1)[0])


def test_keys_are_read_once_for_all_heads_that_share_them():
    read = {}
    for spec in ("gqa:S=64,D=32,H=4,Hkv=2", "mha:S=64,D=32,H=4"):
        _, _, compiled = run("4x4", spec, "flat", rows=32)
        read[spec[:3]] = compiled.hbm_ideal_read_bytes
    tensor = 64 * 32 * 2
    assert read == {"gqa": (4 + 2 * 2) * tensor, "mha": (4 + 2 * 4) * tensor}


def test_decode_of_a_shared_head_is_one_pass():
    _, _, compiled = run("4x4", "gqa:H=12,Hkv=4,Sq=1,Skv=200,D=32", "flat")
    assert compiled.mapping.group[1] == 1, "three rows are not cut up"
    assert compiled.hbm_ideal_read_bytes == (12 + 4 * 2 * 200) * 64


@pytest.mark.parametrize(
    "spec", ["mha:H=5,Sq=1", "gqa:H=6,Hkv=2,sp=4", "mqa:B=2,H=7,sp=2", "mha:B=2,H=2,sp=8"]
)
@pytest.mark.parametrize("dataflow", ["flat-async", "flat", "flash2"])
def test_decode_in_any_order(spec, dataflow):
    first, *_ = run("4x2", f"{spec},Skv=83,D=24", dataflow)
    assert np.array_equal(first, run("4x2", f"{spec},Skv=83,D=24", dataflow, seed=2)[0])


@pytest.mark.parametrize(
    ("spec", "dataflow"), [("mqa:H=16,Sq=1", "flat"), ("gqa:B=2,H=12,Hkv=4,sp=4", "flat-async")]
)
def test_decode_reads_from_all_channels(spec, dataflow):
    _, _, compiled = run("4x4", f"{spec},Skv=256,D=32", dataflow)
    traffic, rows = (
        compiled.placement.traffic,
        sum(p.rows.size * p.pitch for p in compiled.placement.slices.values() if p.tensor in "qo"),
    )
    assert max(traffic) - rows <= 1.1 * np.mean(traffic)


@pytest.mark.parametrize("dataflow", ["flat", "flat-async"])
@pytest.mark.parametrize(
    ("mesh", "group"), [("4x4", "16x1"), ("4x4", "8x1"), ("1x4", "4x1"), ("3x2", "6x1")]
)
def test_keys_are_cut_over_several_rows_of_tiles(mesh, group, dataflow):
    spec = "gqa:H=6,Hkv=2,sp=2,Skv=83,D=24,causal=1"
    first, _, compiled = run(mesh, spec, dataflow, group=group, rows=6)
    assert compiled.mapping.fold * compiled.mapping.tiles[0] == compiled.mapping.group[0]
    assert np.array_equal(first, run(mesh, spec, dataflow, group=group, rows=6, seed=3)[0])
    assert not check(compiled.machine, compiled.programs).races


@pytest.mark.parametrize("group", ["12x1", "8x2", "6x1"])
def test_a_folded_group_divides_the_mesh(group):
    with pytest.raises(UserError, match="8x1 or 16x1 for one row folded"):
        compile_attention(
            load_machine("mesh4"), parse_attention("mqa:H=4,Sq=1,Skv=64,D=16"), "flat", group=group
        )


def test_sharing_is_as_if_every_head_had_a_copy():
    machine = load_machine("mesh4", "3x2")
    q, k, v = random_tensors(parse_attention("gqa:S=30,D=16,H=6,Hkv=2"), 5)
    outs = []
    for tensors in ((q, k, v), (q, k.repeat(3, axis=0), v.repeat(3, axis=0))):
        workload, *rounded, _ = from_arrays(*(tensor.astype(np.float16) for tensor in tensors))
        compiled = compile_attention(machine, workload, "flat", group="3x2", columns=10)
        golden = GoldenMachine(machine, compiled.programs, compiled.placement.scatter(*rounded))
        golden.run()
        outs.append(compiled.placement.gather(golden.hbm))
    assert np.array_equal(*outs)


@pytest.mark.parametrize("dataflow", FLOWS)
@pytest.mark.parametrize(
    ("mesh", "spec"),
    [
        ("3x2", "mha:S=70,D=24,H=3,causal=1"),
        ("5x3", "gqa:S=43,D=16,H=6,Hkv=2,causal=1"),
        ("3x2", "mha:Sq=20,Skv=91,D=17,Dv=9,H=2,causal=1"),
        ("3x2", "mha:Sq=50,Skv=20,D=8,H=2,causal=1"),  # thirty queries see nothing
        ("2x4", "gqa:B=2,H=6,Hkv=2,sp=4,Skv=75,D=24,causal=1"),
        ("4x4", "mqa:H=12,sp=2,Skv=75,D=24,causal=1"),
    ],
)
def test_causal_in_any_order(mesh, spec, dataflow):
    first, *_ = run(mesh, spec, dataflow)
    assert np.array_equal(first, run(mesh, spec, dataflow, seed=3)[0])


@pytest.mark.parametrize("dataflow", FLOWS)
@pytest.mark.parametrize(
    ("mesh", "spec"),
    [
        ("3x2", "gqa:B=3,H=6,Hkv=2,Sq=1,Skv=90,D=24,len=17/90/1"),
        ("4x2", "mha:B=3,H=3,Sq=20,Skv=70,D=24,len=11/70/60,causal=1"),  # nine queries see nothing
        ("2x2", "mqa:B=2,H=4,sp=2,Skv=70,D=8,len=3/64,causal=1"),
    ],
)
def test_ragged_lengths_in_any_order(mesh, spec, dataflow):
    first, *_ = run(mesh, spec, dataflow)
    assert np.array_equal(first, run(mesh, spec, dataflow, seed=3)[0])


def test_keys_beyond_a_length_are_not_read():
    _, statistics, _ = run("2x2", "mha:B=2,H=1,Sq=1,Skv=500,D=8,len=30/20", "flat")
    assert sum(statistics.hbm_words_read) == 2 + 2 * (30 + 20)


@pytest.mark.parametrize("dataflow", FLOWS)
@pytest.mark.parametrize(
    ("mesh", "spec"),
    [
        ("3x2", "mla:H=5,Sq=1,Skv=60,D=24,Dv=17"),
        ("4x4", "mla:B=2,H=4,sp=2,Skv=50,D=40,Dv=32,causal=1,len=50/13"),
        ("2x4", "mla:S=41,D=24,Dv=24,H=3,causal=1"),
        ("4x4", "mla:H=8,Sq=1,Skv=70"),
    ],
)
def test_latent_keys_hold_the_values(mesh, spec, dataflow):
    first, _, compiled = run(mesh, spec, dataflow)
    assert not any(tensor == "v" for tensor, *_ in compiled.placement.slices)
    assert np.array_equal(first, run(mesh, spec, dataflow, seed=3)[0])


def test_latent_keys_are_read_once_from_all_channels():
    _, _, compiled = run("4x4", "mla:H=16,sp=2,Skv=128", "flat")
    assert compiled.hbm_ideal_read_bytes == (32 + 128) * 576 * 2
    keys = [piece.rows.size for piece in compiled.placement.slices.values() if piece.tensor == "k"]
    channels = {
        piece.region.channel for piece in compiled.placement.slices.values() if piece.tensor == "k"
    }
    assert sum(keys) == 128 and len(channels) == 8


@pytest.mark.parametrize("rows", [1, 2, 3, 6, 12, 18])
def test_causal_slices_of_stacked_heads(rows):
    run(
        "3x2",
        "mqa:Sq=9,Skv=14,D=8,H=6,causal=1",
        "flat-async" if rows < 18 else "flat",
        rows=rows,
        columns=3,
    )


@pytest.mark.parametrize("rows", [4, 8])
def test_causal_slices_that_a_mask_cannot_describe_are_refused(rows):
    with pytest.raises(UserError, match=f"rows must be a multiple or a divisor of 6, not {rows}$"):
        run("3x2", "mqa:Sq=9,Skv=14,D=8,H=6,causal=1", "flat-async", rows=rows, columns=3)


@pytest.mark.parametrize("dataflow", ["flat-async", "flash2"])
def test_masked_blocks_are_skipped(dataflow):
    fixed = (
        {"rows": 8, "columns": 8}
        if dataflow == "flash2"
        else {"rows": 8, "columns": 8, "group": "2x2"}
    )
    spec = "mha:S=160,D=16,H=1"
    (_, full, _), (_, half, compiled) = (
        run("2x2", spec + causal, dataflow, **fixed) for causal in ("", ",causal=1")
    )
    assert half.macs < 0.57 * full.macs and compiled.useful_macs * 2 < 1.02 * full.macs
    assert sum(half.hbm_words_read) < 0.65 * sum(full.hbm_words_read)


def test_groups_get_equal_work_under_a_causal_mask():
    machine, workload = load_machine("mesh4"), parse_attention("mha:S=256,D=16,H=4,causal=1")
    mapping = compile_attention(machine, workload, "flash2", rows=8, columns=16).mapping
    work = [
        sum(
            len(mapping.seen_blocks(workload, block))
            for item in group.items
            for block in item
            if block
        )
        for group in deal_attention(machine, workload, mapping)
    ]
    assert max(work) <= min(work) + 16 and sum(work) == 4 * 2 * sum(range(1, 17))


@pytest.mark.parametrize(
    ("spec", "options"),
    [
        ("gqa:S=37,D=12,H=6,Hkv=2", {}),
        ("mha:S=50,D=12,H=3,causal=1", {}),
        (
            "mha:S=50,D=12,H=3,causal=1",
            {"rows": 5, "columns": 4, "reads": "forward", "all_reduce": "memory"},
        ),
        ("mha:Sq=40,Skv=20,D=8,H=2,causal=1", {"rows": 4, "columns": 4}),
        ("gqa:H=6,Hkv=2,sp=4,Skv=75,D=8,causal=1", {}),
        ("mla:H=4,Sq=12,Skv=40,D=24,Dv=16,causal=1", {"rows": 8, "columns": 4}),
        ("mla:H=4,Sq=9,Skv=40,D=24,Dv=16", {"rows": 4, "columns": 4, "reads": "forward"}),
        ("mha:B=3,H=3,Sq=20,Skv=70,D=8,len=11/70/60", {"rows": 10, "columns": 5}),
    ],
)
def test_no_races(spec, options):
    compiled = compile_attention(
        load_machine("mesh4", "3x2"), parse_attention(spec), "flat-async", **options
    )
    assert not any(check(compiled.machine, compiled.programs).races)
