"""Mappings of products that are run beside the rule's choice."""

from dataclasses import replace

import pytest

from isa.instructions import Format
from isa.machine import MACHINES
from model.predict import predict
from model.wafer.products import product_cycles, waiting, worth_a_run
from programs.compiler import compile_workload_mapping
from programs.gemm.mapping import GemmMapping
from programs.gemm.tiling import estimate_gemm, rank_gemm
from programs.gemm.workload import Gemm

DIE = MACHINES["paper-2026"]
EXPERTS = Gemm(512, 4096, 7168, 8, Format.E4M3, Format.BF16)


def test_words_that_links_carry_are_counted():
    # 8 products, one group across the mesh: A once per 32 x 128 columns, 56 words a row; B's rows
    # have 32 words, one for each column.
    mapping = GemmMapping((32, 8), "grid", 64, 128, 256, 2)
    a, b = 8 * 512 * 56, 8 * 7168 * 32
    assert waiting(DIE, EXPERTS, mapping) == pytest.approx(0.6 * (a + b / 32) + a)
    # A fourth of the width, with four times the columns in a tile.
    narrow = replace(mapping, group=(8, 16), rows=32, columns=512)
    assert waiting(DIE, EXPERTS, narrow) == pytest.approx(
        0.6 * (a / 4 + b / 32) + a * (0.25 + 0.75 / 4)
    )


def test_candidates_promise_more_than_the_rules_choice():
    def guess(mapping: GemmMapping) -> float:
        return estimate_gemm(DIE, EXPERTS, mapping) + waiting(DIE, EXPERTS, mapping)

    found = worth_a_run(DIE, EXPERTS, 2)
    guesses = [guess(mapping) for mapping in found]
    assert guesses == sorted(guesses) and guesses[-1] < guess(rank_gemm(DIE, EXPERTS)[0])
    assert len({mapping.group for mapping in found}) == 2
    assert {mapping.columns for mapping in found} == {512}


def test_the_fastest_candidate_counts():
    die = MACHINES["mesh4"]
    work = Gemm(64, 256, 128, 4, Format.E4M3, Format.BF16)
    runs = [
        (predict(compile_workload_mapping(die, work, mapping)).cycles, mapping.describe())
        for mapping in worth_a_run(die, work, 2)
    ]
    assert len(runs) == 2
    assert product_cycles(die, work, 2)[:2] == min(runs)
