"""Products whose rows of A are passed on along tile rows, and whose k neighbouring tiles share."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import Phase, assume, given, settings
from hypothesis import strategies as st

from golden.dry import check
from isa.errors import UserError
from isa.instructions import Format, Opcode, Queue
from isa.machine import MACHINES, Hbm, load_machine
from programs.compiler import compile_workload, parse_workload
from programs.gemm.compile import compile_gemm_mapping
from programs.gemm.layout import GemmLayout
from programs.gemm.mapping import GemmMapping
from programs.gemm.relaying import estimate_relayed, relayed_batches, waiting, worth_relaying
from programs.gemm.tiling import estimate_gemm, rank_gemm
from programs.gemm.workload import Gemm, parse_gemm
from tests.programs.gemm.test_gemm import run

DIE = MACHINES["paper-2026"]


def machine_of(mesh, **pitches):
    """mesh4 with channels at the south edge, or elsewhere."""
    hbm = Hbm(bytes_per_cycle=8, **(pitches or {"south_pitch": 1}))
    return load_machine("mesh4", mesh).model_copy(update={"hbm": hbm})


def relayed(group, rows, columns, depth, slots=2, split=1):
    """Such a mapping."""
    return GemmMapping(
        group, "grid", rows, columns, depth, slots, staggered=False, relayed=True, split=split
    )


@pytest.mark.parametrize("fmt", [Format.FP16, Format.E4M3])
@pytest.mark.parametrize(
    ("machine", "spec", "mapping"),
    [
        (machine_of("2x2"), "gemm:M=40,N=50,K=70", relayed((2, 2), 9, 8, 32)),
        (machine_of("4x4"), "gemm:M=40,N=50,K=70", relayed((4, 2), 9, 16, 32, split=2)),
        (machine_of("4x4"), "gemm:M=40,N=150,K=270", relayed((4, 4), 9, 40, 64, 3, 4)),
        (machine_of("4x4"), "gemm:B=3,M=37,N=61,K=145", relayed((4, 2), 8, 40, 64, 3, 4)),
        (machine_of("4x4"), "gemm:B=4,M=37,N=61,K=145", relayed((1, 4), 8, 40, 64)),
        (machine_of("3x5"), "gemm:B=2,M=37,N=61,K=45", relayed((3, 5), 3, 40, 16)),
        (
            # Tiles without rows, and without k in the last panel.
            machine_of("4x4", west_pitch=1, south_pitch=1),
            "gemm:M=37,N=61,K=45",
            relayed((4, 4), 3, 16, 16, split=2),
        ),
        (
            machine_of("4x4", west_pitch=1),
            "gemm:M=37,N=61,K=45",
            relayed((4, 4), 3, 16, 16, split=2),
        ),
        (
            # Fewer rows than tiles that share k: some sum up nothing.
            machine_of("4x4", south_pitch=2, north_pitch=1),
            "gemm:M=2,N=3,K=37",
            relayed((4, 4), 3, 16, 16, split=2),
        ),
    ],
)
def test_any_relayed_mapping_in_any_order(machine, spec, mapping, fmt):
    workload = replace(parse_gemm(spec, fmt), o_fmt=Format.BF16)
    if fmt == Format.E4M3:
        mapping = replace(mapping, depth=2 * mapping.depth)
    compiled = compile_gemm_mapping(machine, workload, mapping)
    assert not check(compiled.machine, compiled.programs).races
    assert np.array_equal(run(compiled), run(compiled, seed=1))


@settings(max_examples=12, deadline=None, derandomize=True, phases=[Phase.generate])
@given(
    st.tuples(st.integers(1, 60), st.integers(1, 60), st.integers(17, 90)),
    st.tuples(st.integers(1, 20), st.integers(1, 6), st.integers(1, 3), st.integers(2, 3)),
    st.sampled_from([((2, 2), 1), ((2, 2), 2), ((2, 1), 2), ((1, 2), 1)]),
)
def test_any_shape(shape, sizes, group):
    rows, columns, words, slots = sizes
    shared, split = group
    words = 1 if split > 1 else words
    mapping = relayed(shared, rows, 8 * columns, split * 8 * words, slots, split)
    compiled = compile_gemm_mapping(machine_of("2x2"), Gemm(*shape, batch=2), mapping)
    assume(compiled.longest <= compiled.machine.tile.program_instructions)
    assert not check(compiled.machine, compiled.programs).races
    run(compiled)


def test_columns_carry_a_once():
    """Rows of A are read by one tile each, which sends them on."""
    workload = parse_gemm("gemm:M=64,N=256,K=256")
    compiled = compile_gemm_mapping(machine_of("4x4"), workload, relayed((4, 4), 16, 64, 32))
    for program in compiled.programs.values():
        for i in program.queues[Queue.LOAD]:
            if i.opcode == Opcode.LOAD:
                assert i["x0"] == i["x1"], "to a tile, or up one column"


def test_everything_lies_at_its_own_columns():
    workload = parse_gemm("gemm:B=4,M=64,N=64,K=64")
    compiled = compile_gemm_mapping(machine_of("4x4"), workload, relayed((1, 4), 16, 64, 32))
    for (_, pair, *_), part in compiled.placement.slices.items():
        assert part.region.channel.x == pair
    assert len(set(compiled.placement.traffic)) == 1


def test_the_rule_relays_where_columns_have_the_channels():
    workload = parse_gemm("gemm:M=64,N=512,K=512")
    assert compile_workload(machine_of("4x4"), workload).mapping.relayed
    for other in (MACHINES["mesh4"], machine_of("1x4"), machine_of("4x1")):
        assert not worth_relaying(other)
        assert not any(mapping.relayed for mapping in rank_gemm(other, workload)[:20])


def test_small_products_of_few_columns_share_k():
    gate = Gemm(512, 256, 7168, 1, Format.E4M3, Format.BF16)
    best = rank_gemm(DIE, gate)[0]
    assert best.relayed and best.split > 1
    for mapping in rank_gemm(DIE, gate)[:4]:
        assert GemmLayout(DIE.tile, gate, mapping).words <= DIE.tile.l1_words
        floor = gate.useful_macs / DIE.macs
        assert estimate_gemm(DIE, gate, mapping) == estimate_relayed(DIE, gate, mapping) >= floor


def test_arrays_of_candidates_have_the_estimates_of_single_ones():
    workload = parse_gemm("gemm:B=2,M=61,N=300,K=333")
    machine = machine_of("4x4")
    for batch in relayed_batches(machine, workload, [(4, 2), (2, 4)], None, None):
        many = np.broadcast_to(estimate_gemm(machine, workload, batch.mapping), len(batch))
        for i in (0, -1):
            assert many[i] == pytest.approx(estimate_gemm(machine, workload, batch.one(i)))


def test_words_that_links_carry_are_counted():
    # 8 products, one group across the mesh: A once per 32 x 128 columns, 56 words a row; B's rows
    # have 32 words, one for each column.
    experts = Gemm(512, 4096, 7168, 8, Format.E4M3, Format.BF16)
    mapping = GemmMapping((32, 8), "grid", 64, 128, 256, 2)
    a, b = 8 * 512 * 56, 8 * 7168 * 32
    assert waiting(DIE, experts, mapping) == pytest.approx(0.6 * (a + b / 32) + a)
    # A fourth of the width, with four times the columns in a tile.
    narrow = replace(mapping, group=(8, 16), rows=32, columns=512)
    assert waiting(DIE, experts, narrow) == pytest.approx(
        0.6 * (a / 4 + b / 32) + a * (0.25 + 0.75 / 4)
    )


def test_tiles_that_share_k_each_need_some():
    with pytest.raises(UserError, match=r"^4 tiles that share panels of 64 need more than K=40$"):
        compile_gemm_mapping(
            machine_of("4x4"), parse_workload("gemm:M=8,N=8,K=40"), relayed((4, 4), 2, 16, 64, 2, 4)
        )
