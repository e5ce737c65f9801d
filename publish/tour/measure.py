"""The runs of the tour: one block of attention whose maxima turn at the root's router, the same
with maxima that are combined in the root's L1, a window of the main job, and hardware with faults.
"""

import json
import os
import subprocess
import sys
from collections import Counter
from pathlib import Path

from rich.console import Console

from isa.errors import UserError
from isa.geometry import Rectangle
from isa.instructions import Opcode, Queue
from isa.machine import MACHINES
from programs.tensors import load_workload
from publish.results import RESULTS
from tb.experiment import run_experiment
from tb.mesh import Settings, Window
from tb.runner import ROOT
from verify.mutants.faults import FAULTS
from waves.read.vcd import read
from waves.rebuild.analysis import inspect
from waves.rebuild.expected import expect, listed
from waves.rebuild.inspection import Inspection, Transfer, area
from waves.rebuild.stalls import matrix_stalls
from waves.report.browser import Missing
from waves.report.screenshots import screenshots

__all__ = ["measure"]

BLOCK = "mha:S=128,D=32,H=1"
FIRST, LAST = 10_000, 29_999
FAULTY = ("dropped-flit", "wrong-root")
VIEWS = {
    "inspect_mesh": "cycle=16800&view=mesh",
    "inspect_spacetime": "view=spacetime",
    "inspect_gantt": "cycle=17700&view=gantt&from=15500&to=17900",
}
"""Screenshots to the states of the report of the main job's window."""


def measure(console: Console) -> dict:
    """Make the four runs: tables, and the figures of the inspection of the main job's window. New
    screenshots go to docs/results, where there is a browser.

    Raises
    ------
    UserError
        If a run fails.
    """
    found: dict[str, dict] = {}
    with console.status("one block of attention"):
        block = _waves_and_inspect("tour-block", WORKLOAD=BLOCK, TO="end")[0]
        expected = expect(ROOT / "build" / "tour-block" / "run.json", block.recording.facts)
        found["one block"] = _beside_golden(block, expected.counts)
        row = Rectangle(0, 0, 3, 0)
        multicast = next(c for c in block.collectives if c.kind == "load" and c.rectangle == row)
        found["row multicast"] = _hops(multicast)
        found["all-reduce"] = _hops(
            next(c for c in block.collectives if c.kind == "allreduce" and c.rectangle == row)
        )
    with console.status("the same, maxima combined in the root's L1"):
        memory = _in_memory()
        found["max-reduce"] = _hops(
            next(
                c
                for c in memory.collectives
                if c.kind == "reduce" and c.op == "max" and c.rectangle == row
            )
        )
    with console.status("the main job"):
        window, result = _waves_and_inspect(
            "tour", WORKLOAD="minilm", FROM=str(FIRST), TO=str(LAST)
        )
        found["stalls"] = _stalls(window)
        found["vector"] = _exponentials(window)
        _photograph(console)
    with console.status("faults"):
        found["faults"] = _faults()
    return {"tables": found, "window": result}


def _call(script: str, out: str, **environment: str) -> subprocess.CompletedProcess:
    variables = {"MACHINE": "mesh4", "DATAFLOW": "flat-async", **environment}
    return subprocess.run(
        [sys.executable, "-m", f"scripts.{script}", "--out", out],
        cwd=ROOT,
        env={**os.environ, **variables},
        capture_output=True,
        text=True,
        check=False,
    )


def _waves_and_inspect(name: str, **environment: str) -> tuple[Inspection, dict]:
    """Run `make waves` and `make inspect` as a user does; the inspection again, and their
    results.
    """
    folder = ROOT / "build" / name
    for script, out, variables in (
        ("waves", name, environment),
        ("inspect", f"{name}-inspect", {"VCD": str(folder / "waves.vcd")}),
    ):
        done = _call(script, out, **variables)
        if done.returncode:
            raise UserError(
                f"make {script} failed: {(done.stderr or done.stdout).strip().splitlines()[-1]}"
            )
    result = json.loads((ROOT / "build" / f"{name}-inspect" / "result.json").read_text())
    result["vcd_bytes"] = (folder / "waves.vcd").stat().st_size
    return inspect(read(folder / "waves.vcd")), result


def _in_memory() -> Inspection:
    path = ROOT / "build" / "tour-memory" / "waves.vcd"
    tensors = load_workload(BLOCK, "fp16", 1)
    run_experiment(
        MACHINES["mesh4"],
        tensors,
        "flat-async",
        dtype="fp16",
        seed=1,
        overrides={"all_reduce": "memory"},
        settings=Settings(waves=Window(path)),
    )
    return inspect(read(path))


def _table(heads: tuple[str, ...], rows: list[tuple]) -> dict:
    return {"heads": heads, "rows": [[str(cell) for cell in row] for row in rows]}


def _beside_golden(block: Inspection, golden: Counter) -> dict:
    """Every collective of a run, by the VCD and by the golden machine."""
    seen = Counter(listed(c) for c in block.collectives)
    word = block.recording.facts.word_bytes
    rows: list[tuple] = [
        (
            f"{key.kind} {key.op or ''}".strip(),
            key.tag,
            f"({key.root[0]},{key.root[1]})",
            area(key.rectangle),
            len(key.rectangle.tiles()),
            key.words * word,
            seen[key],
            golden[key],
        )
        for key in sorted({*seen, *golden}, key=lambda key: (key.kind, key.tag, key.rectangle))
    ]
    rows.append(("all", "", "", "", "", "", seen.total(), golden.total()))
    return _table(
        ("collective", "tag", "root", "tiles", "members", "bytes", "in the VCD", "golden"), rows
    )


def _hops(c: Transfer) -> dict:
    """A collective, link by link."""
    rows: list[tuple] = [
        (
            f"{hop.link.network} ({hop.link.tile[0]},{hop.link.tile[1]}) "
            + hop.link.port.replace("_", " "),
            hop.flits,
            hop.offered,
            hop.first,
            hop.last,
            hop.fork_wait,
            hop.join_wait,
        )
        for hop in c.hops
    ]
    issued = ", ".join(f"({x},{y}) in {cycle}" for (x, y), cycle in c.issued.items())
    rows.append(
        (
            f"**{c.name}, {c.words} words: issued by {issued}; "
            f"latency {c.latency}, bound {c.bound}, ratio {c.rho:.3f}**",
            "",
            "",
            "",
            "",
            "",
            "",
        )
    )
    return _table(("link", "flits", "offered", "first", "last", "fork wait", "join wait"), rows)


def _stalls(window: Inspection) -> dict:
    rows = [
        (
            f"{s.begin}..{s.end}",
            s.cycles,
            f"({s.tile[0]},{s.tile[1]})",
            s.tiles,
            s.waits_for,
            s.until,
        )
        for s in matrix_stalls(window, 3)
    ]
    return _table(("cycles", "length", "tile", "tiles at this time", "waits for", "until"), rows)


def _exponentials(window: Inspection) -> dict:
    """The exponentials of one tile, and what of their time they wait for L1."""
    engine = window.recording.engines[(0, 0), Queue.VECTOR]
    l1 = engine.stalls["l1"]
    rows = []
    for one in engine.executed:
        issued, done = int(one["issued"]), int(one["done"])
        if one["opcode"] == Opcode.EXP and issued >= 0 and done >= 0:
            waited = sum(
                max(0, min(int(s["end"]), done) - max(int(s["begin"]), issued)) for s in l1
            )
            under_way = sorted(
                {
                    t.name
                    for t in window.collectives
                    if t.begin < done and t.end > issued and (0, 0) in t.issued and "sum" in t.name
                }
            )
            rows.append((one["slot"], issued, done - issued, waited, ", ".join(under_way)))
    return _table(("slot", "issued", "cycles", "of them waiting for L1", "sums under way"), rows)


def _photograph(console: Console) -> None:
    """Screenshots of the window's report; those that are there stay, where there is no browser."""
    try:
        screenshots(ROOT / "build" / "tour-inspect" / "report.html", RESULTS, links=VIEWS)
    except Missing as error:
        console.print(f"no new screenshots: {error}")


def _faults() -> dict:
    rows = []
    for name in FAULTY:
        out = f"tour-{name}"
        _call("waves", out, MACHINE="tiny", WORKLOAD="mha:S=64,D=32,H=2", FAULT=name, TO="end")
        folder = ROOT / "build" / out
        Path(folder, "run.json").unlink(missing_ok=True)  # the VCD alone
        _call("inspect", f"{out}-inspect", VCD=str(folder / "waves.vcd"))
        result = json.loads((ROOT / "build" / f"{out}-inspect" / "result.json").read_text())
        what = next(fault.what for fault in FAULTS if fault.name == name)
        rows.append((f"`FAULT={name}`: {what}", result["mismatches"], result["problems"][0]))
    return _table(("what is wrong", "problems", "the first of them"), rows)
