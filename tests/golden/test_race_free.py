"""The race check on programs that are shipped: they have no races, and get one when a wait is left out."""

from collections import Counter

import pytest

from golden.dry import find_races
from golden.errors import GoldenError
from isa.image import Program
from isa.instructions import Opcode, Queue
from isa.machine import load_machine
from programs.code import Code
from programs.collectives import KINDS, Collective, emit, methods_of
from programs.flat import compile_attention
from programs.mapping import ALL_REDUCES, READS
from programs.queues import TAGS
from programs.workload import parse


@pytest.mark.parametrize("dataflow", ["flat-async", "flat", "flash3", "flash2"])
@pytest.mark.parametrize(
    ("mesh", "spec", "cut"),
    [
        ("2x2", "mha:S=64,D=16,H=2", {}),
        ("3x2", "mha:S=37,D=12,H=3", {"rows": 8, "columns": 8}),
        ("4x4", "mha:S=64,D=8,H=1", {"rows": 8, "columns": 8}),
        ("1x2", "mha:S=50,D=8,H=1", {"rows": 16, "columns": 16}),
    ],
)
def test_attention_has_no_races(dataflow, mesh, spec, cut):
    machine = load_machine("mesh4", mesh)
    for reads, all_reduce in zip(READS, ALL_REDUCES, strict=True):
        programs = compile_attention(machine, parse(spec), dataflow, reads=reads, all_reduce=all_reduce, **cut).programs
        assert not [str(race) for race in find_races(machine, programs)]


@pytest.mark.slow
def test_minilm_has_no_races():
    machine = load_machine("mesh4")
    programs = compile_attention(machine, parse("mha:H=12,S=512,D=32"), "flat-async").programs
    assert not find_races(machine, programs)


@pytest.mark.parametrize("kind", KINDS)
def test_collectives_have_no_races(kind):
    for mesh, rectangle, root in (("4x1", (0, 0, 3, 0), (0, 0)), ("4x2", (0, 0, 3, 1), (2, 1))):
        machine = load_machine("mesh4", mesh)
        for method in methods_of(kind):
            for slots in (None, 1, 2) if method not in ("hardware", "doubling", "halving") else (None,):
                code = Code(machine)
                more = {"segment": 4, "slots": slots} if slots else {}
                emit(code, Collective(kind, method, rectangle, root, 20, source=16, target=1250, scratch=2000, **more))
                assert not [str(race) for race in find_races(machine, code.programs())], method


def without_a_wait(programs):
    """Each program with each of its waits left out, and where that was: tile, queue, instruction and semaphore."""
    for tile, program in programs.items():
        for queue, code in program.queues.items():
            for at, instruction in enumerate(code):
                for i in (0, 1):
                    if instruction[f"wait{i}_count"]:
                        changed = [
                            *code[:at],
                            instruction.replace(**{f"wait{i}_count": 0, f"wait{i}_sem": 0}),
                            *code[at + 1 :],
                        ]
                        mutant = {**programs, tile: Program({**program.queues, queue: changed})}
                        yield mutant, tile, queue, instruction[f"wait{i}_sem"]


def test_a_wait_left_out_is_found():
    """Every one, but for those that order nothing.

    `stored` keeps the count of acknowledgements small, and tells HALT that all is in HBM; nobody reads what is stored there.
    `o_free` matters in roots only: elsewhere, the REDUCE that sends O stands before the next item's first maximum in the
    OUT queue, whose arrival is before P, and so before anything that writes O.
    """
    machine = load_machine("mesh4", "2x2")
    compiled = compile_attention(machine, parse("mha:S=64,D=16,H=2"), "flat-async")
    found: Counter[tuple[str, str]] = Counter()
    stores = {
        tile: {i["tag"] - TAGS["O"] for i in program.queues[Queue.OUT] if i.opcode == Opcode.STORE}
        for tile, program in compiled.programs.items()
    }
    for mutant, tile, _, semaphore in without_a_wait(compiled.programs):
        name = compiled.semaphores[semaphore]
        kind = name.split("[")[0]
        stream = int(name[-2])
        if kind == "o_free":
            kind += " of a root" if stream in stores[tile] else " elsewhere"
        try:
            outcome = "race" if find_races(machine, mutant) else "nothing"
        except GoldenError:
            outcome = "stopped"
        found[kind, outcome] += 1
    assert {kind for kind, outcome in found if outcome == "nothing"} == {"stored", "o_free elsewhere"}
    assert {outcome for kind, outcome in found if kind not in ("stored", "o_free elsewhere")} == {"race"}
    assert sum(found.values()) == 156 and sum(n for (_, outcome), n in found.items() if outcome == "race") == 140


@pytest.mark.slow
def test_a_signal_left_out_stops_the_machine_unless_it_is_the_last():
    machine = load_machine("mesh4", "2x2")
    compiled = compile_attention(machine, parse("mha:S=64,D=16,H=2"), "flat-async")
    outcomes: Counter[str] = Counter()
    for tile, program in compiled.programs.items():
        for queue, code in program.queues.items():
            for at, instruction in enumerate(code):
                for off in ({"sig0_on": 0}, {"sig1_kind": 0}):
                    if not any(instruction[name] for name in off):
                        continue
                    changed = Program({**program.queues, queue: [*code[:at], instruction.replace(**off), *code[at + 1 :]]})
                    try:
                        outcomes["race" if find_races(machine, {**compiled.programs, tile: changed}) else "unused"] += 1
                    except GoldenError:
                        outcomes["stopped"] += 1
    # Nobody waits for the last count of a buffer that is free, or of O.
    assert outcomes == {"stopped": 96, "unused": 32}
