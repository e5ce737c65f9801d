"""GEMM on the golden machine: any shape, cut, mesh and placement of channels, in any order."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from golden.dry import check
from golden.machine import GoldenMachine
from golden.product import blocked_product, product
from isa.errors import UserError
from isa.formats import decode
from isa.instructions import Format
from isa.machine import MACHINES, Hbm, load_machine
from programs.common.ranges import Range, share_whole
from programs.compiler import compile_workload, parse_workload
from programs.gemm.compile import compile_gemm_mapping
from programs.gemm.mapping import CUTS, GemmMapping
from programs.gemm.tiling import estimate_gemm, rank_gemm
from programs.gemm.workload import Gemm, parse_gemm, random_matrices

MESH4 = MACHINES["mesh4"]


def run(compiled, seed=None):
    """Output bits of a compiled GEMM, after checking error, work and HBM traffic."""
    machine, workload = compiled.machine, compiled.workload
    a, b = random_matrices(workload, 7)
    golden = GoldenMachine(machine, compiled.programs, compiled.placement.scatter(a, b), seed=seed)
    statistics = golden.run()
    out = compiled.placement.gather(golden.hbm)
    exact = product(a, b)
    floor = np.abs(
        blocked_product(a, b, block=64, fmt=workload.fmt, o_fmt=workload.o_fmt) - exact
    ).max()
    assert np.abs(decode(out, workload.o_fmt) - exact).max() <= 2 * floor
    word_bytes = machine.tile.word_bytes
    assert sum(statistics.hbm_words_read) * word_bytes == compiled.hbm_ideal_read_bytes
    assert sum(statistics.hbm_words_written) * word_bytes == compiled.hbm_ideal_write_bytes
    assert (
        sum(compiled.placement.traffic) * word_bytes
        == compiled.hbm_ideal_read_bytes + compiled.hbm_ideal_write_bytes
    )
    assert statistics.macs == compiled.useful_macs
    return out


@pytest.mark.parametrize("cut", CUTS)
@pytest.mark.parametrize(
    ("mesh", "group", "spec", "rows", "columns", "depth"),
    [
        ("2x2", (2, 2), "gemm:M=40,N=50,K=70", 9, 8, 32),
        ("3x2", (3, 2), "gemm:B=2,M=37,N=43,K=51", 19, 16, 51),
        ("5x3", (5, 1), "gemm:M=61,N=44,K=20", 5, 8, 8),
        ("1x4", (1, 2), "gemm:M=3,N=100,K=65", 2, 24, 16),
        ("4x2", (2, 2), "gemm:B=3,M=2,N=3,K=1", 1, 8, 8),  # tiles without rows, and without columns
    ],
)
def test_any_cut_in_any_order(mesh, group, spec, rows, columns, depth, cut):
    mapping = GemmMapping(group, cut, rows, columns, depth, 2)
    compiled = compile_gemm_mapping(load_machine("mesh4", mesh), parse_gemm(spec), mapping)
    assert not check(compiled.machine, compiled.programs).races
    first = run(compiled)
    assert np.array_equal(first, run(compiled, seed=1))


@settings(max_examples=12, deadline=None, derandomize=True)
@given(
    st.tuples(*[st.integers(1, 60)] * 3),
    st.tuples(st.integers(1, 20), st.integers(1, 4), st.integers(1, 6), st.integers(2, 3)),
    st.sampled_from(list(CUTS)),
    st.sampled_from([(2, 2), (1, 2), (2, 1), (1, 1)]),
)
def test_any_shape(shape, sizes, cut, group):
    rows, columns, depth, slots = sizes
    mapping = GemmMapping(group, cut, rows, 8 * columns, 8 * depth, slots)
    compiled = compile_gemm_mapping(load_machine("tiny"), Gemm(*shape, batch=2), mapping)
    assert not check(compiled.machine, compiled.programs).races
    run(compiled)


@pytest.mark.parametrize("fmt", [Format.BF16, Format.E4M3, Format.E5M2])
def test_other_formats(fmt):
    run(compile_workload(MACHINES["tiny"], parse_gemm("gemm:M=24,N=40,K=100", fmt)))


@pytest.mark.parametrize(("fmt", "o_fmt"), [(Format.E4M3, Format.BF16), (Format.FP16, Format.E5M2)])
def test_another_format_of_the_result(fmt, o_fmt):
    workload = replace(parse_gemm("gemm:M=24,N=43,K=100", fmt), o_fmt=o_fmt)
    run(compile_workload(MACHINES["tiny"], workload, rows=7, columns=10))


@pytest.mark.parametrize(
    "placement",
    [
        {"south_pitch": 1},
        {"west_pitch": 1},
        {"south_pitch": 8},
        {"east_pitch": 2, "north_pitch": 1},
    ],
)
def test_any_placement_of_channels(placement):
    machine = load_machine("mesh4", "3x2").model_copy(
        update={"hbm": Hbm(bytes_per_cycle=8, **placement)}
    )
    run(compile_workload(machine, parse_gemm("gemm:M=50,N=70,K=90")))


def test_what_nobody_can_say_in_an_instruction_is_said_in_several():
    """More sharers than one wait can count."""
    mapping = GemmMapping((16, 8), "columns", 8, 8, 8, 2)
    compiled = compile_gemm_mapping(
        load_machine("mesh4", "16x8"), parse_gemm("gemm:M=8,N=1024,K=40"), mapping
    )
    assert not check(compiled.machine, compiled.programs).races
    run(compiled)


def test_whole_grains():
    assert list(share_whole(Range(8, 20), 4, 8)) == [
        Range(8, 8),
        Range(16, 8),
        Range(24, 4),
        Range(28, 0),
    ]
    assert [part.size for part in share_whole(Range(0, 33), 2, 8)] == [24, 9]


def test_few_rows_read_the_weights_once_from_all_channels():
    for rows in (8, 64):
        compiled = compile_workload(MESH4, parse_gemm(f"gemm:M={rows},N=512,K=1024"))
        assert compiled.mapping.cut == "columns" and compiled.mapping.group == (4, 4)
        assert compiled.hbm_ideal_read_bytes == 2 * 1024 * (512 + rows)
        assert max(compiled.placement.traffic) <= 1.1 * np.mean(compiled.placement.traffic)


def test_a_square_takes_the_grid():
    compiled = compile_workload(MESH4, parse_gemm("gemm:M=512,N=512,K=512"))
    assert (
        compiled.mapping.cut == "grid"
        and compiled.mapping.group == (4, 4)
        and compiled.dataflow == "summa"
    )
    assert compiled.hbm_ideal_read_bytes == 2 * 512 * 2 * 512 * 2, "each matrix twice"


@pytest.mark.parametrize(
    "spec", ["gemm:M=128,N=128,K=128", "gemm:M=8,N=256,K=512", "gemm:M=7,N=3,K=5,B=3"]
)
def test_everything_that_is_ranked_fits_and_no_estimate_beats_the_bounds(spec):
    workload = parse_gemm(spec)
    ranked = rank_gemm(MESH4, workload)
    least = (
        workload.batch
        * 2
        * (workload.m * workload.k + workload.k * workload.n + workload.m * workload.n)
    )
    bound = max(workload.useful_macs / MESH4.macs, least / MESH4.hbm_bytes_per_cycle)
    assert all(estimate_gemm(MESH4, workload, mapping) >= bound for mapping in ranked)
    assert estimate_gemm(MESH4, workload, ranked[0]) <= 1.01 * min(
        estimate_gemm(MESH4, workload, m) for m in ranked
    )
    assert compile_workload(MESH4, workload).mapping == ranked[0]


def test_what_the_user_fixes_stays():
    mapping = rank_gemm(
        MESH4, parse_gemm("gemm:M=256,N=256,K=64"), group="2x4", rows=24, columns=30
    )[0]
    assert (mapping.group, mapping.rows, mapping.columns) == ((2, 4), 24, 32), (
        "columns in whole words"
    )


def test_programs_do_not_grow_with_the_matrices():
    mapping = GemmMapping((4, 4), "grid", 32, 32, 32, 2)
    sizes = [
        compile_gemm_mapping(MESH4, Gemm(m, n, k), mapping).longest
        for m, n, k in ((256, 256, 256), (512, 256, 512), (256, 512, 1024))
    ]
    assert max(sizes) <= 96


@pytest.mark.parametrize(
    ("spec", "dataflow", "fixed", "says"),
    [
        ("gemm:M=8,N=8,K=8", "flat", {}, "^DATAFLOW must be one of summa for gemm, not 'flat'$"),
        (
            "mha:S=8,D=8",
            "summa",
            {},
            "^DATAFLOW must be one of flat-async, .* for attention, not 'summa'$",
        ),
        ("gemm:M=8,N=8,K=8", None, {"group": "3x1"}, "^group must divide the 4x4 mesh"),
        (
            "gemm:M=8,N=8,K=8",
            None,
            {"group": "16x1"},
            "^group must be at most 4 columns wide for summa",
        ),
        ("gemm:M=8,N=8,K=8", None, {"rows": 0}, "^rows must be a whole number from 1 up, not 0$"),
        (
            "gemm:M=4096,N=64,K=8",
            None,
            {"group": "1x1", "rows": 4000},
            "^summa needs at least .* bytes of L1 in each tile",
        ),
        (
            "gemm:M=64,N=65536,K=512",
            "summa",
            {"group": "4x4"},
            "^HBM channel 0 .* must hold .* bytes of matrices",
        ),
    ],
)
def test_one_clear_line(spec, dataflow, fixed, says):
    with pytest.raises(UserError, match=says) as error:
        compile_workload(MESH4, parse_workload(spec), dataflow, **fixed)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("spec", "says"),
    [
        ("gemm:", "needs M"),
        ("gemm:M=8,N=8", "needs K"),
        ("gemm:M=8,N=8,K=0", "K must be from 1 to"),
        ("gemm:M=8,N=8,K=8,S=4", "unknown key 'S'; keys are B, M, N, K"),
        ("gemm:M=8,M=8,K=8", "M is given twice"),
        ("gemm:M=8,N=x,K=8", "'N=x' must be KEY=WHOLE NUMBER"),
    ],
)
def test_bad_spec(spec, says):
    with pytest.raises(UserError, match=f"^WORKLOAD '{spec}': ") as error:
        parse_gemm(spec)
    assert says in str(error.value) and "\n" not in str(error.value)


def test_spec():
    assert parse_gemm("gemm:M=2,N=3,K=4,B=5", Format.BF16) == Gemm(2, 3, 4, 5, Format.BF16)
    assert parse_gemm("gemm:M=2,N=3,K=4").useful_macs == 24
