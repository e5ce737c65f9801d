"""The timing model as the judge of mappings: one by one, and in the tables of docs/tuning.md."""

from dataclasses import replace
from statistics import mean

import pytest

from isa.machine import MACHINES
from model.predict import predict
from programs.attention.tiling import choose_attention
from programs.attention.workload import parse_attention
from programs.compiler import compile_workload_mapping
from publish.judge import judge
from publish.results import kept
from publish.rule import READ, judge_estimates, judge_reads
from publish.tuning import estimate_table, reads_table

TINY, SPEC = MACHINES["tiny"], "mha:S=32,D=16,H=2"
MESH4 = MACHINES["mesh4"]
SOUTH = MESH4.model_copy(update={"hbm": MESH4.hbm.model_copy(update={"west_pitch": 0})})


def test_the_judge_says_what_the_model_does():
    workload = parse_attention(SPEC)
    mapping = choose_attention(TINY, workload)
    seen = judge(TINY, SPEC, ("fp16", "", ""), 1, mapping)
    assert seen["cycles"] == predict(compile_workload_mapping(TINY, workload, mapping)).cycles
    short = TINY.tile.model_copy(update={"program_instructions": 16})
    small = TINY.model_copy(update={"tile": short})
    assert judge(small, SPEC, ("fp16", "", ""), 1, mapping)["cycles"] is None


def test_rows_of_both_tables():
    row, reads = judge_estimates(TINY, SPEC, "fp16"), judge_reads(SOUTH, "mha:S=64,D=32,H=2")
    ways = ("rule", "rough", "rough_in_model", "tuned_in_model")
    assert all(row[way] >= row["best"] > 0 for way in ways)
    assert row["tuned_in_model"] <= row["rule"] and row["mappings"] > 10
    assert reads["multicast"] != reads["forward"]
    assert "mesh4 4x4, channels south" in reads_table([row, reads])
    assert f"{row['best']:,}" in estimate_table([row, reads])


def test_the_walk_is_worth_its_lines():
    found = [row for row in kept("rule") if row["kind"] == "estimates"]
    above = {
        way: [row[way] / row["best"] - 1 for row in found]
        for way in ("rule", "rough", "rough_in_model", "tuned_in_model")
    }
    rule, rough, rough_in_model, tuned = map(mean, above.values())
    assert len(found) >= 25 and 2 * rule < rough_in_model < rough and tuned < 0.01


def test_the_rule_takes_the_better_reads():
    found = [row for row in kept("rule") if row["kind"] == "reads"]
    gains = {"forward": [], "multicast": []}
    for row in found:
        gains[row["rule"]].append(row["multicast"] / row["forward"] - 1)
    assert len(gains["forward"]) >= 8 <= len(gains["multicast"])
    # Wrong by up to 8.4 % on short runs, see docs/tuning.md.
    assert min(gains["forward"]) > -0.09 and max(gains["multicast"]) < 0.08
    assert mean(gains["forward"]) > 0.2 and mean(gains["multicast"]) < -0.05


@pytest.mark.parametrize("number", range(8))
def test_what_is_kept_is_what_the_rule_takes(number):
    """A rule that takes another mapping, or other reads, must be measured anew."""
    machine, spec = READ[number]
    row = [row for row in kept("rule") if row["kind"] == "reads"][number]
    found = choose_attention(machine, parse_attention(spec))
    assert (row["workload"], row["rule"]) == (spec, found.reads)
    assert row["mapping"] == replace(found, reads="multicast").describe()
