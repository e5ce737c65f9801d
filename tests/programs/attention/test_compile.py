"""Compiled attention is right on the golden machine: every dataflow, mesh and tail, in every order
of events.
"""

import time

import numpy as np
import pytest

from golden.machine import GoldenMachine
from isa.errors import UserError
from isa.formats import decode
from isa.instructions import Format, Opcode, Queue
from isa.machine import MACHINES, Hbm, load_machine
from programs.attention.compile import compile_attention
from programs.attention.workload import parse_attention, random_tensors
from programs.common.check import check_programs
from programs.common.loops import expand
from tests.programs.attention.golden_run import run

FLOWS = ("flat-async", "flat", "flash3", "flash2")


@pytest.mark.parametrize("dataflow", FLOWS)
@pytest.mark.parametrize("mesh", ["1x1", "2x2", "1x4", "4x1", "3x2", "5x3"])
def test_tails_on_any_mesh_in_any_order(mesh, dataflow):
    machine = load_machine("mesh4", mesh)
    first = run(machine, "mha:S=100,D=24,H=3", dataflow)
    assert np.array_equal(first, run(machine, "mha:S=100,D=24,H=3", dataflow, seed=1))


@pytest.mark.parametrize(
    ("spec", "dataflow", "fixed"),
    [
        ("mha:Sq=37,Skv=61,D=17,Dv=9,H=3", "flat-async", {"group": "3x2", "rows": 3, "columns": 7}),
        ("mha:Sq=13,Skv=7,D=5,H=2", "flat-async", {"group": "3x2", "rows": 2, "columns": 2}),
        (
            "mha:Sq=50,Skv=50,D=16,H=3",
            "flat-async",
            {"group": "3x1", "rows": 50, "columns": 9},
        ),  # two heads; then one
        (
            "mha:Sq=20,Skv=20,D=16,H=1",
            "flat-async",
            {"group": "3x2", "rows": 10, "columns": 4},
        ),  # nothing for stream b
        (
            "mha:Sq=21,Skv=20,D=16,H=2",
            "flat-async",
            {"group": "3x2", "rows": 4, "columns": 4},
        ),  # three row blocks
        ("mha:Sq=1,Skv=50,D=16,H=5", "flat", {"group": "3x1"}),
        (
            "mha:Sq=1,Skv=2,D=8,H=1",
            "flat",
            {"group": "3x2"},
        ),  # tiles without rows, and without keys
        ("mha:Sq=4,Skv=1,D=1,H=1", "flat-async", {"group": "3x2"}),
        ("mha:Sq=23,Skv=31,D=40,H=2", "flat", {"group": "1x2", "rows": 5, "columns": 3}),
        ("mha:Sq=23,Skv=31,D=40,H=2", "flat", {"group": "3x1", "rows": 5, "columns": 3}),
        ("mha:Sq=40,Skv=33,D=8,H=7", "flash3", {"rows": 6, "columns": 9}),
        ("mha:Sq=40,Skv=33,D=8,H=7", "flash2", {"rows": 6, "columns": 9}),
    ],
)
def test_awkward_cuts_in_any_order(spec, dataflow, fixed):
    machine = load_machine("mesh4", "3x2")
    first = run(machine, spec, dataflow, **fixed)
    for seed in (1, 2):
        assert np.array_equal(first, run(machine, spec, dataflow, seed=seed, **fixed))


@pytest.mark.parametrize("dataflow", FLOWS)
@pytest.mark.parametrize(
    "placement",
    [
        {"south_pitch": 1},
        {"west_pitch": 1},
        {"south_pitch": 8},
        {"east_pitch": 2, "north_pitch": 1},
        {"north_pitch": 2},
    ],
)
def test_any_placement_of_channels(placement, dataflow):
    machine = load_machine("mesh4", "3x2").model_copy(
        update={"hbm": Hbm(bytes_per_cycle=8, **placement)}
    )
    run(machine, "mha:S=50,D=16,H=2", dataflow)


@pytest.mark.parametrize("dataflow", ["flat-async", "flash2"])
def test_other_formats(dataflow):
    run(MACHINES["tiny"], "mha:S=48,D=24,H=2", dataflow, fmt=Format.BF16)


def test_a_stream_of_a_thousand_words_is_reduced_in_two_parts():
    tile = MACHINES["tiny"].tile.model_copy(update={"l1_bytes": 256 << 10})
    machine = MACHINES["tiny"].model_copy(update={"tile": tile})
    out = run(machine, "mha:Sq=130,Skv=16,D=8,Dv=256,H=1", "flat", rows=65)
    assert np.array_equal(
        out, run(machine, "mha:Sq=130,Skv=16,D=8,Dv=256,H=1", "flat", rows=65, seed=3)
    )


def test_special_values_do_not_disturb_other_rows():
    machine = MACHINES["tiny"]
    workload = parse_attention("mha:S=40,D=16,H=1")
    compiled = compile_attention(machine, workload, "flat-async")
    tensors = random_tensors(workload, 7)
    tensors[0][0, 3, 2] = np.nan
    tensors[0][0, 5] = np.inf
    golden = GoldenMachine(machine, compiled.programs, compiled.placement.scatter(*tensors))
    golden.run()
    out = decode(compiled.placement.gather(golden.hbm), workload.fmt)
    wrong = ~np.isfinite(out).all(axis=2)[0]
    assert set(np.flatnonzero(wrong)) == {3, 5} and np.isnan(out[0, 3]).all()


@pytest.mark.parametrize("dataflow", FLOWS)
def test_programs_do_not_grow_with_the_workload(dataflow):
    machine = MACHINES["mesh4"]
    fixed = {"rows": 32, "columns": 32}
    sizes = [
        max(
            map(
                len,
                compile_attention(
                    machine, parse_attention(spec), dataflow, **fixed
                ).programs.values(),
            )
        )
        for spec in ("mha:S=512,D=32,H=48", "mha:S=512,D=32,H=96", "mha:S=1024,D=32,H=48")
    ]
    assert sizes[1] == sizes[0]
    # Longer inner loops roll where shorter ones are better unrolled; no more than that.
    assert abs(sizes[2] - sizes[0]) <= 16


def test_the_jobs_of_the_readme_compile_fast_and_small():
    for spec in ("mha:S=512,D=64,H=4", "mha:S=512,D=32,H=12"):
        for dataflow in FLOWS:
            started = time.perf_counter()
            compiled = compile_attention(MACHINES["mesh4"], parse_attention(spec), dataflow)
            assert time.perf_counter() - started < 4
            assert max(map(len, compiled.programs.values())) <= 256
            assert compiled.describe().startswith("group ")


def test_flat_async_keeps_the_matrix_queue_busy():
    """In steady state two other multiplications stand between a stream's scores and its values,
    across items too.
    """
    compiled = compile_attention(
        MACHINES["mesh4"], parse_attention("mha:S=512,D=64,H=4"), "flat-async"
    )
    code = [
        i for i in expand(compiled.programs[1, 2].queues[Queue.MATRIX]) if i.opcode == Opcode.MATMUL
    ]
    kinds = ["scores" if i["trans_b"] else "values" for i in code]
    outputs = [i["c"] for i in code]
    assert kinds[:2] == ["scores"] * 2 and kinds[2:-2] == ["values", "scores"] * (
        (len(code) - 4) // 2
    )
    for at, i in enumerate(code):
        if not i["trans_b"] and 2 < at < len(code) - 1:
            assert code[at - 3]["c"] == i["a"], (
                "the scores these values belong to were made three multiplications before"
            )
    assert len(set(outputs)) == 4


def test_the_dataflow_is_chosen_by_rule_too():
    assert (
        compile_attention(MACHINES["mesh4"], parse_attention("mha:S=512,D=64,H=4")).dataflow
        == "flat-async"
    )


def test_an_order_that_would_hang_is_refused():
    machine = MACHINES["tiny"]
    programs = compile_attention(
        machine, parse_attention("mha:S=64,D=16,H=2"), "flat-async"
    ).programs
    queue = programs[1, 0].queues[Queue.OUT]
    reduces = [i for i, instruction in enumerate(queue) if instruction.opcode == Opcode.REDUCE]
    queue[reduces[0]], queue[reduces[1]] = queue[reduces[1]], queue[reduces[0]]
    with pytest.raises(
        UserError,
        match=r"^tiles \(0,0\) and \(1,0\) disagree on reduction 0 over \(0,0\)..\(1,0\): "
        r"tag is 8 \(tag 8, .* and 9 ",
    ):
        check_programs(machine, programs)
    queue[reduces[0]] = queue[reduces[0]].replace(y1=1)
    with pytest.raises(
        UserError, match=r"^tiles \(0,0\) and \(1,0\) disagree on reduction 1 over "
    ):
        check_programs(machine, programs)


@pytest.mark.parametrize(
    ("spec", "dataflow", "fixed", "says"),
    [
        (
            "mha:S=64,D=16",
            "spiral",
            {},
            "DATAFLOW must be one of flat-async, flat, flat-tree, flat-seq, flash3, flash2, not "
            "'spiral'",
        ),
        (
            "mha:S=64,D=16",
            "flat",
            {"group": "3x2"},
            "group must divide the 4x4 mesh: 1 or 2 or 4 columns, 1 or 2 or 4 rows",
        ),
        ("mha:S=64,D=16", "flat", {"group": "0x2"}, "group must divide the 4x4 mesh"),
        (
            "mha:S=64,D=16",
            "flat",
            {"group": "four"},
            r"group must be COLUMNSxROWS \(for example 2x2\), not 'four'",
        ),
        (
            "mha:S=64,D=16",
            "flash2",
            {"group": "2x2"},
            r"group must be 1x1 for flash2 \(each tile alone\), not '2x2'",
        ),
        ("mha:S=64,D=16", "flat", {"rows": 0}, "rows must be a whole number from 1 up, not 0"),
        (
            "mha:S=64,D=16",
            "flat",
            {"columns": "8"},
            "columns must be a whole number from 1 up, not '8'",
        ),
        (
            "mha:S=4096,D=64",
            "flat",
            {"rows": 128, "columns": 128},
            r"rows=128 and columns=128 needs 150528 bytes of L1",
        ),
        (
            "mha:S=4096,D=64",
            "flat",
            {"rows": 512},
            "flat with rows=512 needs at least .* bytes of L1",
        ),
        ("mha:S=64,D=4096", "flat", {}, "D must be at most 4095 for an instruction, not 4096"),
        ("mha:S=64,D=4000", "flash2", {}, "flash2 with D=4000 needs at least .* bytes of L1"),
        (
            "mha:S=4096,D=64,H=64",
            "flash2",
            {"rows": 64},
            r"HBM channel 0 \(west edge at tile \(0,0\)\) must hold ",
        ),
    ],
)
def test_one_clear_line(spec, dataflow, fixed, says):
    with pytest.raises(UserError, match=says) as error:
        compile_attention(MACHINES["mesh4"], parse_attention(spec), dataflow, **fixed)
    assert "\n" not in str(error.value)


def test_a_tile_that_is_too_small_is_refused():
    mesh4 = MACHINES["mesh4"]
    for field, value, says in (
        (
            "program_instructions",
            64,
            "needs programs of at least .* the machine's program memory holds 64",
        ),
        ("semaphores", 16, "needs .* semaphores a tile, the machine has 16"),
        ("l1_bytes", 1024, "bytes of L1 in each tile .* the machine has 1024"),
    ):
        machine = mesh4.model_copy(update={"tile": mesh4.tile.model_copy(update={field: value})})
        with pytest.raises(UserError, match=says):
            compile_attention(machine, parse_attention("mha:S=512,D=64,H=4"), "flat-async")
