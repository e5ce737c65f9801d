"""Attention without a feature of the network: the same bits, and the feature is not used."""

import numpy as np
import pytest

from golden.dry import check
from isa.errors import UserError
from isa.instructions import Opcode, Queue
from isa.machine import MACHINES, load_machine
from programs.attention.compile import compile_attention
from programs.attention.workload import parse_attention
from programs.common.loops import expand
from tests.programs.attention.golden_run import run

ABLATIONS = [
    {"reads": "forward"},
    {"all_reduce": "memory"},
    {"reads": "forward", "all_reduce": "memory"},
]


@pytest.mark.parametrize("options", ABLATIONS)
@pytest.mark.parametrize(
    ("mesh", "spec", "dataflow", "fixed"),
    [
        ("5x3", "mha:S=50,D=24,H=3", "flat-async", {}),
        ("3x2", "mha:Sq=21,Skv=20,D=16,H=2", "flat", {"group": "3x2", "rows": 4, "columns": 4}),
        (
            "3x2",
            "mha:Sq=50,Skv=50,D=16,H=3",
            "flat-async",
            {"group": "3x1", "rows": 50, "columns": 9},
        ),
        ("3x2", "mha:Sq=13,Skv=7,D=5,H=2", "flat-async", {"group": "1x2", "rows": 2, "columns": 2}),
        ("2x2", "mha:S=40,D=16,H=1", "flash3", {}),
    ],
)
def test_without_a_feature_of_the_network_the_same_bits_in_any_order(
    mesh, spec, dataflow, fixed, options
):
    machine = load_machine("mesh4", mesh)
    expected = run(machine, spec, dataflow, **fixed)
    for seed in (None, 1):
        assert np.array_equal(expected, run(machine, spec, dataflow, seed=seed, **fixed, **options))


def moves(compiled, opcode):
    return [
        i
        for program in compiled.programs.values()
        for queue in Queue
        for i in expand(program.queues[queue])
        if i.opcode == opcode
    ]


def test_what_is_ablated_is_really_not_used():
    machine, workload = MACHINES["mesh4"], parse_attention("mha:S=128,D=32,H=2")

    def shared(i):
        return (i["x0"], i["y0"]) != (i["x1"], i["y1"])

    full, forward, memory = (
        compile_attention(machine, workload, "flat-async", **o) for o in ({}, *ABLATIONS[:2])
    )
    assert all(map(shared, moves(full, Opcode.LOAD))) and not moves(full, Opcode.PUT)
    assert not any(map(shared, moves(forward, Opcode.LOAD))) and all(
        map(shared, moves(forward, Opcode.PUT))
    )
    assert (
        len(moves(forward, Opcode.PUT))
        == len(moves(forward, Opcode.LOAD))
        == len(moves(full, Opcode.LOAD))
    )
    assert any(i["turn"] for i in moves(full, Opcode.REDUCE)) and not any(
        i["turn"] for i in moves(memory, Opcode.REDUCE)
    )
    # One PUT by the root for each maximum of a row of four.
    assert 4 * len(moves(memory, Opcode.PUT)) == sum(i["turn"] for i in moves(full, Opcode.REDUCE))
    both = compile_attention(machine, workload, "flat-async", **ABLATIONS[2])
    assert not any(check(machine, compiled.programs).races for compiled in (forward, memory, both))
    assert "forwarded by their loaders" in forward.describe() and "root's L1" in memory.describe()


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"reads": "unicast"}, "^reads must be multicast or forward, not 'unicast'$"),
        ({"all_reduce": "tree"}, "^all_reduce must be turn or memory, not 'tree'$"),
    ],
)
def test_an_unknown_option_is_refused(options, says):
    with pytest.raises(UserError, match=says):
        compile_attention(MACHINES["tiny"], parse_attention("mha:S=64,D=16"), "flat", **options)
