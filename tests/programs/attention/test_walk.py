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
from programs.compiler import parse_workload
from tb.tuner.candidates import candidates

MESH4 = MACHINES["mesh4"]
RESULTS = Path(__file__).resolve().parents[3] / "docs" / "results" / "tuning.json"


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


MEASURED = [run for run in json.loads(RESULTS.read_text()) if run["listed"]]


@pytest.mark.parametrize("run", MEASURED, ids=lambda run: run["workload"])
def test_the_rule_takes_a_mapping_near_the_best_that_was_measured(run):
    machine = load_machine(run["machine"], run["mesh"])
    (first,) = candidates(machine, parse_workload(run["workload"]), None, {}, 1)
    # A rule that takes another mapping, or estimates it otherwise, must be measured anew.
    assert (first.name, round(first.estimate)) == (run["rule"], run["rule_estimate"])
    assert run["rule_percent"] <= 10 and run["chosen_percent"] <= 3
    assert 0.8 < first.estimate / run["rule_cycles"] < 1.2


def test_the_rule_is_near_the_best_on_average():
    assert len(MEASURED) >= 8
    assert sum(run["rule_percent"] for run in MEASURED) / len(MEASURED) <= 3
