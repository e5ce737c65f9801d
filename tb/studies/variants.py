"""The attention family, the dataflows beside each other, and where the cycles go, on the RTL."""

from pathlib import Path
from typing import Any, NamedTuple

from rich.console import Console

from isa.machine import Machine, load_machine
from tb.runner import ROOT
from tb.studies.run import run_published
from tb.tasks import Store, Task, Workers, run_tasks

__all__ = ["CASES", "Variant", "machine_of", "run", "task"]

KEPT = ROOT / "build" / "variants"
SLOW = 2
"""Bytes a cycle of a channel of the machine on which HBM limits attention."""


class Variant(NamedTuple):
    """One run on the RTL."""

    table: str
    title: str
    workload: str
    dataflow: str = ""
    dtype: str = "fp16"
    machine: str = "mesh4"
    slow: bool = False
    """With channels of `SLOW` bytes a cycle."""
    fixed: tuple[tuple[str, Any], ...] = ()
    """Overrides of the tiling rule."""

    @property
    def name(self) -> str:
        """Unique."""
        more = " ".join(f"{name}={value}" for name, value in self.fixed)
        return " ".join(
            part
            for part in (
                self.machine,
                "slow" * self.slow,
                self.workload,
                self.dtype,
                self.dataflow,
                more,
            )
            if part
        )


FAMILY = (
    ("MHA prefill", "mha:S=512,D=64,H=4"),
    ("MHA prefill, causal", "mha:S=512,D=64,H=4,causal=1"),
    ("MHA prefill", "mha:S=1024,D=64,H=2"),
    ("MHA prefill, causal", "mha:S=1024,D=64,H=2,causal=1"),
    ("GQA prefill", "gqa:H=12,Hkv=4,S=256,D=64"),
    ("GQA prefill, causal", "gqa:H=12,Hkv=4,S=256,D=64,causal=1"),
    ("MHA decode", "mha:H=8,Sq=1,Skv=512,D=64"),
    ("GQA decode", "gqa:H=12,Hkv=4,Sq=1,Skv=1024,D=64"),
    ("GQA speculative decode, causal", "gqa:H=12,Hkv=4,sp=4,Skv=1024,D=64,causal=1"),
    ("MQA decode", "mqa:H=16,Sq=1,Skv=4096,D=64"),
    ("MLA decode", "mla:H=16,sp=1,Skv=512"),
    ("MLA speculative decode", "mla:H=16,sp=2,Skv=512"),
    ("ragged batch, decode", "gqa:B=4,H=4,Hkv=2,Sq=1,Skv=1024,D=64,len=1024/77/640/300"),
)
FORMATS = ("fp16", "bf16", "e4m3")
FLOWS: tuple[tuple[str, str, tuple[tuple[str, Any], ...]], ...] = (
    ("flash2", "flash2", ()),
    ("flash3", "flash3", ()),
    ("flat-seq", "flat-seq", ()),
    ("flat-tree", "flat-tree", ()),
    ("flat, groups of one column", "flat", (("group", "1x{rows}"),)),
    ("flat", "flat", ()),
    ("flat-async", "flat-async", ()),
)
BOUNDS = (("compute", "mha:S=512,D=64,H=4", False), ("HBM", "mha:S=256,D=64,H=2", True))
SLICES = ((8, 8), (8, 16), (16, 8), (16, 16), (16, 32), (32, 32))
UTILISATION: tuple[tuple[str, str, dict[str, Any]], ...] = (
    (
        "S = 1024, D = 64, slices of 64 x 16 as the rule chose before",
        "mha:S=1024,D=64,H=2",
        {"rows": 64, "columns": 16},
    ),
    ("S = 1024, D = 64", "mha:S=1024,D=64,H=2", {}),
    ("S = 1024, D = 128", "mha:S=1024,D=128,H=1", {}),
    *(
        (f"slices of {r} x {c}", "mha:S=256,D=64,H=4", {"group": "4x4", "rows": r, "columns": c})
        for r, c in SLICES
    ),
)


def _cases() -> list[Variant]:
    found = [
        Variant("family", title, spec, dtype=dtype) for title, spec in FAMILY for dtype in FORMATS
    ]
    for machine in ("mesh4", "mesh8"):
        rows = load_machine(machine).mesh.rows
        for bound, spec, slow in BOUNDS:
            for title, dataflow, fixed in FLOWS:
                named = tuple((name, value.format(rows=rows)) for name, value in fixed)
                table = f"dataflows {bound} {machine}"
                found.append(Variant(table, title, spec, dataflow, "fp16", machine, slow, named))
    for title, spec, asked in UTILISATION:
        found.append(
            Variant("utilisation", title, spec, "flat-async", fixed=tuple(sorted(asked.items())))
        )
    return found


CASES = _cases()


def machine_of(case: Variant) -> Machine:
    """The machine that a case runs on."""
    machine = load_machine(case.machine)
    if not case.slow:
        return machine
    return machine.model_copy(
        update={
            "name": f"{machine.name}-slow",
            "hbm": machine.hbm.model_copy(update={"bytes_per_cycle": SLOW}),
        }
    )


def task(case: Variant) -> Task:
    """Its run."""
    what = {
        "machine": machine_of(case),
        "workload": case.workload,
        "dataflow": case.dataflow,
        "dtype": case.dtype,
        "overrides": dict(case.fixed),
    }
    return Task(case.name, run_published, what)


def run(workers: Workers, console: Console, *, only: str = "", keep: Path = KEPT) -> list[dict]:
    """Run the cases whose name or table has `only`, or find what was kept: the flat result of each,
    with its table and title.
    """
    chosen = [case for case in CASES if only in f"{case.table} {case.name}"]
    tasks = {case.name: task(case) for case in chosen}
    seen = run_tasks(list(tasks.values()), workers, console, store=Store(keep))
    return [{"table": case.table, "title": case.title, **seen[case.name]} for case in chosen]
