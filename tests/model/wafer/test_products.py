"""Mappings of products that are run beside the rule's choice."""

from isa.instructions import Format
from isa.machine import MACHINES
from model.predict import predict
from model.wafer.products import product_cycles, worth_a_run
from programs.compiler import compile_workload_mapping
from programs.gemm.mapping import GemmMapping
from programs.gemm.relaying import waiting
from programs.gemm.tiling import estimate_gemm, rank_gemm
from programs.gemm.workload import Gemm

DIE = MACHINES["paper-2026"]
EXPERTS = Gemm(512, 4096, 7168, 8, Format.E4M3, Format.BF16)


def test_candidates_are_the_rules_next_ones_where_it_relays():
    found = worth_a_run(DIE, EXPERTS, 3)
    assert found == rank_gemm(DIE, EXPERTS)[1:4] and all(mapping.relayed for mapping in found)
    assert len({(mapping.group, mapping.split) for mapping in found}) == 3


def test_other_candidates_promise_more_than_the_rules_choice():
    # Half of the channels at the ends of rows: nothing is relayed.
    die = DIE.model_copy(update={"hbm": DIE.hbm.model_copy(update={"west_pitch": 2})})

    def guess(mapping: GemmMapping) -> float:
        return estimate_gemm(die, EXPERTS, mapping) + waiting(die, EXPERTS, mapping)

    found = worth_a_run(die, EXPERTS, 2)
    guesses = [guess(mapping) for mapping in found]
    assert guesses == sorted(guesses) and guesses[-1] < guess(rank_gemm(die, EXPERTS)[0])
    assert len({mapping.group for mapping in found}) == 2


def test_the_fastest_candidate_counts():
    die = MACHINES["mesh4"]
    work = Gemm(64, 256, 128, 4, Format.E4M3, Format.BF16)
    runs = [
        (predict(compile_workload_mapping(die, work, mapping)).cycles, mapping.describe())
        for mapping in worth_a_run(die, work, 2)
    ]
    assert len(runs) == 2
    assert product_cycles(die, work, 2)[:2] == min(runs)
