"""The papers' schedule: by hand on one tile, what it keeps, and what it refuses."""

import pytest

from isa.errors import UserError
from isa.machine import load_machine
from model.paper.costs import PaperCosts
from model.paper.dataflows import synchronous
from model.paper.graph import GroupProgram, Part
from model.paper.mapping import mapped
from model.paper.predict import paper_breakdown, predict_paper
from programs.attention.workload import Attention
from programs.compiler import parse_workload
from programs.gemm.workload import Gemm

MACHINE = load_machine("paper-2025")
GROUPS = [(4, 4), (8, 8), (16, 16), (32, 32)]


def traffic(work: Attention, rows: int) -> int:
    """Bytes of arXiv 2604.02110: Q and O once, K and V once for each block of `rows` rows."""
    return 2 * 2 * work.heads * work.d * work.sq * (1 + -(-work.sq // rows))


@pytest.mark.parametrize("dataflow", ["flat", "flat-async"])
@pytest.mark.parametrize("group", GROUPS)
def test_bytes_are_those_of_the_formula(dataflow, group):
    work = Attention(128, 1024, 1024, 128, 128)
    seen = predict_paper(MACHINE, work, dataflow, group)
    rows = min(1024, 128 * group[1])
    assert seen.hbm_read_bytes + seen.hbm_write_bytes == traffic(work, rows)
    assert seen.hbm_write_bytes == 2 * work.heads * work.d * work.sq


@pytest.mark.parametrize("dataflow", ["flash2", "flash3"])
def test_bytes_of_flash(dataflow):
    work = Attention(64, 512, 512, 64, 64)
    seen = predict_paper(MACHINE, work, dataflow)
    assert seen.hbm_read_bytes + seen.hbm_write_bytes == traffic(work, 16)


def test_flash_in_decode_fills_the_mesh():
    """128 heads on 1024 tiles: eight tiles have 32 of a head's 256 rows, and load all its keys."""
    work = parse_workload("mla:B=128,H=128,Sq=2,Skv=128")
    seen = predict_paper(MACHINE, work, "flash2")
    keys = 1024 * 128 * 576 * 2
    assert keys < seen.hbm_read_bytes < 1.3 * keys


@pytest.mark.parametrize("dataflow", ["flat-seq", "flat", "flat-async"])
def test_products_are_done_once(dataflow):
    """The engines are at work as long as the products of all blocks take."""
    work, costs = Attention(64, 2048, 2048, 128, 128), PaperCosts()
    seen = predict_paper(MACHINE, work, dataflow, (32, 32))
    each = costs.product(64, 64, 128) + costs.product(64, 128, 64)
    assert seen.matrix_active * seen.cycles == pytest.approx(64 * each)


def test_one_tile_by_hand():
    """Q, V and K one after the other, then products and softmax, then O: a head of one block."""
    machine = load_machine("paper-2025", "1x1")
    machine = machine.model_copy(
        update={"hbm": machine.hbm.model_copy(update={"west_pitch": 1, "south_pitch": 1})}
    )
    costs, work = PaperCosts(), Attention(1, 128, 128, 128, 128)
    seen = predict_paper(machine, work, "flash2")
    burst = costs.burst_cycles(4096, 1)
    load = costs.dma_start + costs.latency + 7 * burst + 64
    store = costs.dma_start + 7 * burst + 64
    computed = 2 * costs.product(128, 128, 128) + costs.row_maximum(128, 128)
    computed += costs.exponential(128, 128) + costs.row_sum(128, 128) + costs.divide(128, 128)
    cleared = 2 * costs.clear(128 * 128 * 2)
    assert seen.cycles == pytest.approx(3 * load + store + computed + cleared, abs=60)


def barriers(program: GroupProgram, cycles: int) -> int:
    """Tasks of so many cycles in the table."""
    table, _ = program.table()
    return int((table[:, 9] == cycles).sum())


def test_a_block_has_twelve_barriers():
    """Two each for Q, K and V, O; three each for maximum and sum."""
    work = Attention(64, 4096, 4096, 128, 128)
    mapping, program = mapped(MACHINE, work, "flat", (32, 32)), GroupProgram()
    synchronous(mapping.costs, mapping.blocks, program)
    assert mapping.blocks.inner == 1
    assert barriers(program, mapping.costs.barrier(32, 32)) == 12


@pytest.mark.parametrize("dataflow", ["flash2", "flat", "flat-async"])
def test_parts_add_up(dataflow):
    work = Attention(64, 512, 512, 64, 64)
    group = (1, 1) if dataflow == "flash2" else (32, 32)
    parts = paper_breakdown(MACHINE, work, dataflow, group)
    assert set(parts) == set(Part)
    assert sum(parts.values()) == predict_paper(MACHINE, work, dataflow, group).cycles


@pytest.mark.parametrize("machine", ["paper-2025", "paper-2026"])
@pytest.mark.parametrize(
    "spec",
    [
        "gqa:B=8,H=32,Hkv=8,Sq=1,Skv=2048,D=128",
        "mqa:H=32,S=512,D=128",
        "mla:B=32,H=128,Sq=2,Skv=1024",
        "gemm:M=1024,N=1024,K=1024",
    ],
)
def test_every_kind_is_within_its_bounds(machine, spec):
    """Neither faster than the engines nor than the channels."""
    machine, work = load_machine(machine), parse_workload(spec)
    seen = predict_paper(machine, work)
    assert work.useful_macs <= machine.macs * seen.cycles
    assert 0 < seen.hbm_bandwidth_utilization <= 1
    assert 0 < seen.matrix_active <= 1


def test_v_of_mla_is_loaded_with_k():
    latent = parse_workload("mla:B=32,H=128,Sq=1,Skv=1024")
    seen = predict_paper(MACHINE, latent, "flat", (32, 1))
    keys = 32 * 1024 * 576 * 2
    assert keys <= seen.hbm_read_bytes <= 1.2 * keys + 32 * 128 * 576 * 2


@pytest.mark.parametrize(
    ("work", "dataflow", "group", "message"),
    [
        (Attention(1, 64, 64, 64, 64), "flat-tree", (4, 4), "DATAFLOW must be one of flash2"),
        (Attention(1, 64, 64, 64, 64), "flat", (5, 5), "GROUP 5x5: must divide the mesh"),
        (Attention(1, 64, 64, 64, 64, causal=True), "flat", (4, 4), "no causal mask"),
        (Gemm(64, 64, 64), "flat", None, "DATAFLOW of a gemm must be summa"),
    ],
)
def test_what_the_papers_do_not_have_is_refused(work, dataflow, group, message):
    with pytest.raises(UserError, match=message):
        predict_paper(MACHINE, work, dataflow, group)


def test_the_same_answer_at_every_run():
    work = Attention(64, 512, 512, 128, 128)
    first, again = (predict_paper(MACHINE, work, "flat-async", (8, 8)) for _ in range(2))
    assert (first.cycles, first.events) == (again.cycles, again.events)
