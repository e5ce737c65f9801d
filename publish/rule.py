"""The tiling rule of attention in the timing model: what its estimates are worth, and its reads.

The model is the judge (docs/validation.md: how far it is off); RTL runs of the rule's choices are
those of `tb.studies.tuning`.
"""

from dataclasses import replace

from rich.console import Console

from isa.errors import UserError
from isa.instructions import Format
from isa.machine import EDGES, Machine, load_machine
from model.predict import predict
from programs.attention.compile import compile_attention_mapping
from programs.attention.layout import AttentionLayout
from programs.attention.mapping import AttentionMapping
from programs.attention.rough import rough_cycles
from programs.attention.tiling import merit_of, rank_attention
from programs.attention.workload import Attention, parse_attention
from programs.common.ranking import Estimated, by_merit
from tb.runner import ROOT
from tb.studies.tuning import LISTED, OTHERS
from tb.tasks import Store, Task, Workers, run_tasks
from tb.tuner.candidates import candidates, select

__all__ = ["READ", "judge_estimates", "judge_reads", "run"]

KEPT = ROOT / "build" / "rule"
FEW = 8
"""Mappings that the model chooses from where it is to choose."""
WIDE = 12
"""Mappings by each estimate, and of different kinds, that the best is taken from."""


def _at(name: str, mesh: str = "", edges: str = "", **hbm: int) -> Machine:
    """A machine with other channels: at every tile of some edges, if any are named."""
    machine, named = load_machine(name, mesh or None), edges.split()
    pitches = {f"{edge}_pitch": int(edge in named) for edge in EDGES} if named else {}
    return machine.model_copy(update={"hbm": machine.hbm.model_copy(update=pitches | hbm)})


_MESH4, _MESH8 = _at("mesh4"), _at("mesh8")
ESTIMATED: tuple[tuple[Machine, str, str], ...] = (
    *((_MESH4, spec, "fp16") for spec in (*LISTED, *OTHERS) if not spec.startswith("gemm")),
    (_MESH4, "mha:S=64,D=64,H=8", "fp16"),
    (_MESH4, "mha:S=384,D=128,H=2,causal=1", "e4m3"),
    (_at("mesh4", "5x3"), "mha:S=100,D=24,H=3", "fp16"),
    (_at("mesh4", "2x2"), "mha:S=100,D=24,H=3", "fp16"),
    (_at("mesh4", "1x4"), "mha:S=77,D=40,Dv=24,H=2,causal=1", "fp16"),
    (_at("mesh4", "6x2"), "gqa:H=8,Hkv=2,S=160,D=64", "e4m3"),
    (_at("mesh4", "8x2"), "mqa:H=8,S=64,D=64", "fp16"),
    (_at("mesh4", bytes_per_cycle=4), "mha:S=256,D=64,H=4", "fp16"),
    (_at("mesh4", latency=400), "mha:S=192,D=64,H=4", "bf16"),
    (_at("mesh4", latency=1, bytes_per_cycle=32), "mha:S=192,D=64,H=4", "fp16"),
    (_MESH8, "mha:S=256,D=64,H=4", "fp16"),
    (_MESH8, "mha:S=512,D=64,H=4,causal=1", "fp16"),
    (_MESH8, "mla:H=16,Sq=1,Skv=1024", "fp16"),
    (_MESH8, "gqa:B=4,H=16,Hkv=4,Sq=1,Skv=512,D=64", "fp16"),
    (_at("paper-2025", "4x4"), "mha:S=512,D=128,H=4", "fp16"),
    (_at("paper-2025", "8x8"), "mha:S=512,D=64,H=8,causal=1", "fp16"),
    (_at("paper-2025", "8x8"), "gqa:B=8,H=32,Hkv=8,D=128,Sq=1,Skv=1024", "fp16"),
    (_at("paper-4tb", "8x8"), "mla:B=2,H=64,Sq=2,Skv=1024", "fp16"),
    (_at("paper-2025", "16x16"), "mha:S=512,D=64,H=16", "fp16"),
)
"""What the estimates are compared on: machine, workload, format."""

READ: tuple[tuple[Machine, str], ...] = (
    (_at("mesh4", edges="south"), "mha:S=128,D=64,H=4"),
    (_at("mesh8", edges="south"), "mha:S=128,D=64,H=8"),
    (_at("mesh8", edges="south"), "mha:S=512,D=64,H=8"),
    (_at("mesh8", edges="south"), "gqa:B=2,H=16,Hkv=4,S=64,D=64"),
    (_at("mesh8", edges="south"), "mha:S=256,D=64,H=8,causal=1"),
    (_at("mesh8", edges="south"), "mla:B=4,H=16,Sq=2,Skv=256"),
    (_at("mesh8", "8x4", "south", bytes_per_cycle=16), "mha:S=128,D=64,H=8"),
    (_at("mesh8", "16x8", "south"), "mha:S=256,D=64,H=8"),
    (_at("mesh8", edges="south north"), "mha:S=256,D=64,H=8"),
    (_at("mesh8", edges="west"), "mha:S=256,D=64,H=8"),
    (_at("mesh8", edges="west east"), "mha:S=256,D=64,H=8"),
    (_at("mesh8", edges="west east south north"), "gqa:B=2,H=16,Hkv=4,S=64,D=64"),
    (_at("paper-2026", "8x8"), "mha:S=512,D=128,H=8"),
    (_at("paper-2026", "16x16"), "mha:S=512,D=128,H=16"),
    (_at("paper-2026", "16x16"), "mla:B=4,H=64,Sq=2,Skv=512"),
    (_at("paper-2026", "16x16"), "mla:B=16,H=32,Sq=2,Skv=256"),
    (_at("paper-2026", "16x16"), "gqa:B=4,H=32,Hkv=8,D=128,Sq=4,Skv=512"),
    (_at("paper-2026", "16x16", "south north"), "mha:S=512,D=128,H=16"),
    (_at("paper-2026", "16x16", "west"), "mha:S=512,D=128,H=16"),
    (_at("paper-2026"), "mha:S=1024,D=128,H=32,B=2"),
    (_at("paper-2026"), "mha:S=4096,D=128,H=16"),
)
"""What the two ways to read are compared on."""


def run(workers: Workers, console: Console) -> list[dict]:
    """Judge all, or find what is kept: flat rows, those of `judge_estimates` with ``kind``
    estimates, those of `judge_reads` with ``kind`` reads.
    """
    tasks = [
        Task(
            f"estimates: {_name(machine)} {spec} {dtype}",
            judge_estimates,
            {"machine": machine, "spec": spec, "dtype": dtype},
        )
        for machine, spec, dtype in ESTIMATED
    ]
    tasks += [
        Task(f"reads: {_name(machine)} {spec}", judge_reads, {"machine": machine, "spec": spec})
        for machine, spec in READ
    ]
    found = run_tasks(tasks, workers, console, store=Store(KEPT))
    return [found[task.name] for task in tasks]


def judge_estimates(machine: Machine, spec: str, dtype: str) -> dict:
    """Cycles in the model of what each way to choose takes, and of the best of all that any of them
    looks at: the rule, its rough cycles alone, and the model's choice of a few by each.
    """
    workload = parse_attention(spec, Format[dtype.upper()])
    ranked = rank_attention(machine, workload)
    rough = [
        Estimated(
            float(rough_cycles(machine, workload, mapping)),
            int(AttentionLayout(machine.tile, workload, mapping).words),
            mapping,
        )
        for mapping in ranked
    ]
    by_rough = [entry.mapping for entry in sorted(rough, key=lambda entry: entry[:2])]
    alone = by_merit(rough, merit_of(machine, workload))[0]
    tuned = [one.mapping for one in select(candidates(machine, workload, None, {}, 16 * FEW), FEW)]
    kinds = {(one.dataflow, one.group, one.paired, one.slots): one for one in reversed(by_rough)}
    leaders = sorted(kinds.values(), key=by_rough.index)
    wide = [ranked[0], alone, *tuned, *ranked[:WIDE], *by_rough[:WIDE], *leaders[:WIDE]]
    cycles = {one: _cycles(machine, workload, one) for one in dict.fromkeys(wide)}
    known = {one: seen for one, seen in cycles.items() if seen}
    return {
        "kind": "estimates",
        **_told(machine, spec, dtype),
        "mappings": len(known),
        "best": min(known.values()),
        "rule": next(known[one] for one in ranked if one in known),
        "rough": known.get(alone, 0),
        "rough_in_model": min(known[one] for one in by_rough[:FEW] if one in known),
        "tuned_in_model": min(known[one] for one in tuned if one in known),
    }


def judge_reads(machine: Machine, spec: str) -> dict:
    """Cycles in the model of the rule's mapping, with reads that multicast and where loading tiles
    pass on, and which of them the rule takes.
    """
    workload = parse_attention(spec)
    mapping = rank_attention(machine, workload)[0]
    ways = [replace(mapping, reads=reads) for reads in ("multicast", "forward")]
    multicast, forward = (_cycles(machine, workload, one) for one in ways)
    return {
        "kind": "reads",
        **_told(machine, spec, "fp16"),
        "mapping": replace(mapping, reads="multicast").describe(),
        "multicast": multicast,
        "forward": forward,
        "rule": mapping.reads,
    }


def _cycles(machine: Machine, workload: Attention, mapping: AttentionMapping) -> int | None:
    """What the model says, if programs fit."""
    try:
        compiled = compile_attention_mapping(machine, workload, mapping)
    except UserError:
        return None
    fits = compiled.longest <= machine.tile.program_instructions
    return predict(compiled).cycles if fits else None


def _told(machine: Machine, spec: str, dtype: str) -> dict:
    return {"machine": _name(machine), "workload": spec, "dtype": dtype}


def _name(machine: Machine) -> str:
    """Name, mesh, and what is different of its channels."""
    mesh, hbm = machine.mesh, machine.hbm
    given = load_machine(machine.name).hbm
    name = f"{machine.name} {mesh.columns}x{mesh.rows}"
    edges = [edge for edge in EDGES if getattr(hbm, f"{edge}_pitch")]
    if edges != [edge for edge in EDGES if getattr(given, f"{edge}_pitch")]:
        name += f", channels {' and '.join(edges)}"
    if hbm.bytes_per_cycle != given.bytes_per_cycle:
        name += f", {hbm.bytes_per_cycle} B a cycle"
    return name + f", latency {hbm.latency}" * (hbm.latency != given.latency)
