"""The race check on programs that are shipped: they have no races."""

import pytest

from golden.dry import check
from isa.geometry import Rectangle
from isa.machine import load_machine
from programs.attention.compile import compile_attention
from programs.attention.mapping import ALL_REDUCES, DATAFLOWS, READS, SOFTWARE
from programs.attention.workload import parse_attention
from programs.collectives.collective import KINDS, Collective, methods_of
from programs.collectives.emit import emit
from programs.common.code import Code


@pytest.mark.parametrize("dataflow", DATAFLOWS)
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
    ways = list(zip(READS, ALL_REDUCES, strict=True))
    for reads, all_reduce in ways[:1] if dataflow in SOFTWARE else ways:
        programs = compile_attention(
            machine, parse_attention(spec), dataflow, reads=reads, all_reduce=all_reduce, **cut
        ).programs
        assert not [str(race) for race in check(machine, programs).races]


@pytest.mark.slow
def test_minilm_has_no_races():
    machine = load_machine("mesh4")
    programs = compile_attention(
        machine, parse_attention("mha:H=12,S=512,D=32"), "flat-async"
    ).programs
    assert not check(machine, programs).races


@pytest.mark.parametrize("kind", KINDS)
def test_collectives_have_no_races(kind):
    for mesh, rectangle, root in (("4x1", (0, 0, 3, 0), (0, 0)), ("4x2", (0, 0, 3, 1), (2, 1))):
        machine = load_machine("mesh4", mesh)
        for method in methods_of(kind):
            for slots in (
                (None, 1, 2) if method not in ("hardware", "doubling", "halving") else (None,)
            ):
                code = Code(machine)
                more = {"segment": 4, "slots": slots} if slots else {}
                emit(
                    code,
                    Collective(
                        kind,
                        method,
                        Rectangle(*rectangle),
                        root,
                        20,
                        source=16,
                        target=1250,
                        scratch=2000,
                        **more,
                    ),
                )
                assert not [str(race) for race in check(machine, code.programs()).races], method
