"""The estimate: bounds, what it must see, and runs on the RTL that were measured (mesh4, FP16, seed
1).
"""

import json
from pathlib import Path

import pytest

from isa.machine import MACHINES, load_machine
from programs.attention.mapping import AttentionMapping
from programs.attention.walk import walk
from programs.attention.workload import parse_attention
from programs.common.costs import matmul_cycles, matmul_lines

MESH4 = MACHINES["mesh4"]
RESULTS = Path(__file__).resolve().parents[3] / "docs" / "results" / "tune.json"


def mapping(group=(4, 4), rows=16, columns=32, *, streams=2, paired=True, slots=2, **other):
    return AttentionMapping(
        "flat-async" if streams == 2 else "flat",
        group,
        rows,
        columns,
        streams,
        paired,
        slots,
        **other,
    )


def test_accesses_of_a_product():
    # A block of 8 x 32: 32 lines of B, 8 of A, and C of two lines a row, once or twice.
    assert matmul_lines(MESH4.tile, 8, 32, 32, trans_b=True, accumulate=False) == 32 + 8 + 16
    assert matmul_lines(MESH4.tile, 8, 32, 16, trans_b=False, accumulate=True) == 16 + 8 + 32
    assert matmul_lines(MESH4.tile, 24, 64, 16, trans_b=False, accumulate=True) == 6 * (16 + 8 + 32)
    assert matmul_cycles(MESH4.tile, 24, 64, 16) == 3 * 8 * 16 + 8


@pytest.mark.parametrize(
    "spec",
    ["mha:S=256,D=64,H=2", "mha:S=256,D=64,H=2,causal=1", "gqa:H=12,Hkv=4,Sq=1,Skv=512,D=64"],
)
def test_no_estimate_beats_the_bounds(spec):
    workload = parse_attention(spec)
    for one in (
        mapping(),
        mapping((2, 2)),
        mapping(streams=1, paired=False),
        mapping((4, 1), 8, 16, slots=1),
    ):
        read, written = one.hbm_bytes(workload, MESH4.tile)
        bound = max(workload.useful_macs / MESH4.macs, (read + written) / MESH4.hbm_bytes_per_cycle)
        assert walk(MESH4, workload, one) >= bound


def test_slower_hardware_takes_longer():
    workload = parse_attention("mha:S=256,D=64,H=2")
    base = walk(MESH4, workload, mapping())
    hbm = MESH4.hbm.model_copy(update={"bytes_per_cycle": 2})
    assert walk(MESH4.model_copy(update={"hbm": hbm}), workload, mapping()) > 1.2 * base
    hbm = MESH4.hbm.model_copy(update={"latency": 2000})
    assert walk(MESH4.model_copy(update={"hbm": hbm}), workload, mapping()) > base + 2000
    assert walk(load_machine("mesh4", "2x2"), workload, mapping((2, 2))) > 3 * base


def test_what_is_not_walked_goes_on_at_the_same_pace():
    few, many = (
        walk(MESH4, parse_attention(f"mha:S=256,D=64,H={heads}"), mapping()) for heads in (12, 48)
    )
    assert 3.8 < many / few < 4.1


def test_the_rule_is_near_the_best_that_was_found():
    found = json.loads(RESULTS.read_text())
    listed = [r["rule_percent"] for r in found if r["listed"]]
    assert len(listed) >= 8 and sum(listed) / len(listed) <= 3 and max(listed) <= 10
    assert max(r["chosen_percent"] for r in found if r["listed"]) <= 3
