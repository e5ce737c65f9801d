"""`make variants`: the attention family, the dataflows beside each other, and utilisations, all on
the RTL.

Writes docs/results/variants.json and the tables of docs/attention.md. Runs that nothing changed are
not made again.
"""

import argparse
import json
import os
from typing import Any, NamedTuple

from rich.console import Console

from isa.machine import Machine, load_machine
from programs.tensors import load_workload
from publish.output import Table
from scripts.docs import insert
from scripts.options import main, positive
from scripts.tables import RESULTS, VOLATILE, verdict
from tb.experiment import run_experiment
from tb.runner import ROOT
from tb.tasks import Task, run_tasks

__all__ = ["CASES", "Case", "measure", "tables"]

PAGE = ROOT / "docs" / "attention.md"
KEPT = ROOT / "build" / "variants"
SLOW = 2
"""Bytes a cycle of a channel of the machine on which HBM limits attention."""


class Case(NamedTuple):
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
UTILISATION = (
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


def _cases() -> list[Case]:
    found = [
        Case("family", title, spec, dtype=dtype) for title, spec in FAMILY for dtype in FORMATS
    ]
    for machine in ("mesh4", "mesh8"):
        rows = load_machine(machine).mesh.rows
        for bound, spec, slow in BOUNDS:
            for title, dataflow, fixed in FLOWS:
                named = tuple((name, value.format(rows=rows)) for name, value in fixed)
                found.append(
                    Case(
                        f"dataflows {bound} {machine}",
                        title,
                        spec,
                        dataflow,
                        "fp16",
                        machine,
                        slow,
                        named,
                    )
                )
    for title, spec, fixed in UTILISATION:
        found.append(
            Case("utilisation", title, spec, "flat-async", fixed=tuple(sorted(fixed.items())))
        )
    return found


CASES = _cases()


def machine_of(case: Case) -> Machine:
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


def measure(case: Case) -> dict:
    """Run it; what ``make sim`` writes."""
    tensors = load_workload(case.workload, case.dtype, 1)
    seen = run_experiment(
        machine_of(case),
        tensors,
        case.dataflow or None,
        dtype=case.dtype,
        seed=1,
        overrides=dict(case.fixed),
    )
    return {key: value for key, value in seen.result.items() if key not in VOLATILE}


def _bytes(r: dict) -> str:
    moved = r["hbm_read_bytes"] + r["hbm_write_bytes"]
    return (
        f"{moved:,} = formula"
        if moved == r["hbm_ideal_bytes"]
        else f"{moved:,} NOT {r['hbm_ideal_bytes']:,}"
    )


def _family(rows: list[dict]) -> Table:
    heads = (
        "variant",
        "workload",
        "format",
        "dataflow",
        "cycles",
        "matrix",
        "HBM",
        "HBM bytes",
        "bit-exact",
        "error / reference",
    )
    return Table(
        "The family on mesh4",
        heads,
        [
            (
                r["title"],
                f"`{r['workload']}`",
                r["dtype"],
                r["dataflow"],
                f"{r['cycles']:,}",
                f"{r['matrix_utilization']:.1%}",
                f"{r['hbm_bandwidth_utilization']:.1%}",
                _bytes(r),
                verdict(r),
                f"{r['error_vs_reference']:.2f}",
            )
            for r in rows
        ],
    )


def _dataflows(rows: list[dict]) -> Table:
    best = min(r["cycles"] for r in rows)
    heads = (
        "dataflow",
        "group, slice",
        "cycles",
        "to the best",
        "matrix",
        "HBM",
        "HBM bytes",
        "bit-exact",
    )
    return Table(
        f"`{rows[0]['workload']}` on {rows[0]['machine']}",
        heads,
        [
            (
                r["title"],
                r["mapping"].split(" keys")[0],
                f"{r['cycles']:,}",
                f"{r['cycles'] / best:.2f}",
                f"{r['matrix_utilization']:.1%}",
                f"{r['hbm_bandwidth_utilization']:.1%}",
                _bytes(r),
                verdict(r),
            )
            for r in rows
        ],
    )


def _utilisation(rows: list[dict]) -> Table:
    shares = (
        "matrix_active",
        "matrix_operand_stall",
        "matrix_drain_stall",
        "vector_busy",
        "l1_conflict",
        "out_stall",
    )
    heads = (
        "case",
        "slice",
        "cycles",
        "matrix",
        *(f"{name.replace('_', ' ')}" for name in shares),
        "bit-exact",
    )
    return Table(
        "Where the cycles go",
        heads,
        [
            (
                r["title"],
                r["mapping"].split("slice ")[1].split(" keys")[0],
                f"{r['cycles']:,}",
                f"{r['matrix_utilization']:.1%}",
                *(f"{r[f'share_{name}']:.1%}" for name in shares),
                verdict(r),
            )
            for r in rows
        ],
    )


def tables(results: list[dict]) -> dict[str, Table]:
    """Marker in the page to its table."""
    found: dict[str, Table] = {}
    for name in dict.fromkeys(r["table"] for r in results):
        make = (
            _family if name == "family" else _utilisation if name == "utilisation" else _dataflows
        )
        found[name] = make([r for r in results if r["table"] == name])
    return found


def run() -> int:
    """Measure all cases (or with --from-results none), and rewrite the page."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.ArgumentDefaultsHelpFormatter
    )
    parser.add_argument(
        "--from-results",
        action="store_true",
        help="rewrite the page from docs/results, run nothing",
    )
    parser.add_argument(
        "--jobs", default=os.environ.get("JOBS") or "2", help="simulations at a time (JOBS)"
    )
    parser.add_argument(
        "--only",
        default="",
        help="measure and print cases whose name or table has this; publish nothing",
    )
    options = parser.parse_args()
    path = RESULTS / "variants.json"
    if options.from_results:
        results = json.loads(path.read_text())
    else:
        chosen = [case for case in CASES if options.only in f"{case.table} {case.name}"]
        tasks = {case.name: Task(case.name, measure, {"case": case}) for case in chosen}
        jobs = positive("JOBS", options.jobs, least=1)
        seen = run_tasks(list(tasks.values()), jobs, Console(stderr=True), keep=KEPT)
        results = [{"table": case.table, "title": case.title, **seen[case.name]} for case in chosen]
    for table in (made := tables(results)).values():
        table.show(Console(width=200))
    if not options.only:
        if not options.from_results:
            path.write_text(json.dumps(results, indent=1) + "\n")
        PAGE.write_text(
            insert(PAGE.read_text(), {name: table.markdown() for name, table in made.items()})
        )
    return 0 if all(r["bit_exact"] and r["error_vs_reference"] <= 2 for r in results) else 1


if __name__ == "__main__":
    main(run)
