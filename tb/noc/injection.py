"""Links that drop, repeat, reorder, redirect and corrupt flits: every one of these faults has to be
noticed.
"""

from collections import Counter
from collections.abc import Callable
from functools import partial

import numpy as np
from amaranth import ClockSignal, Const, Instance, Module, ResetSignal
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

from hw.layouts import data_flit, reduce_flit
from hw.network.reduce_router import ReduceRouter
from hw.network.router import Router
from isa.geometry import Rectangle
from isa.instructions import Format, ReduceOp
from isa.machine import Machine
from tb.noc.book import Book
from tb.noc.campaign import machine_for
from tb.noc.mesh import build_bench
from tb.noc.play import Progress, Run, play
from tb.noc.reductions import Reduction, reduction_run
from tb.noc.traffic import data_run, mixed_packets
from tb.runner import SimulationFailure
from tb.units.network import RouterMesh, Wires, ends

__all__ = ["KINDS", "FaultyMesh", "faults"]

KINDS = {"drop": 1, "duplicate": 2, "swap": 3, "wrong member": 4, "corrupt": 4}
"""Name to the number that ``fault.v`` has for it."""
PATIENCE = 300


class FaultyMesh(RouterMesh):
    """A mesh in which one link, between routers or at an end, may go wrong once per run: see
    ``fault.v``.

    Members
    -------
    fault_link, fault_kind, fault_skip, fault_flip, fault_same : ``In``
        The link and what happens on it.
    fired : ``Out(1)``
        It has happened.
    """

    def __init__(self, *, machine: Machine, router: wiring.Component):
        width = data.Layout.cast(router.i[0].payload.shape()).size
        super().__init__(
            machine=machine,
            router=router,
            members={
                "fault_link": In(16),
                "fault_kind": In(3),
                "fault_skip": In(32),
                "fault_flip": In(width),
                "fault_same": In(width),
                "fired": Out(self.links(machine)),
            },
        )
        self._number = 0

    @staticmethod
    def links(machine: Machine) -> int:
        """Number of links of a mesh, both ways of each end included."""
        mesh = machine.mesh
        inner = 2 * (mesh.columns * (mesh.rows - 1) + mesh.rows * (mesh.columns - 1))
        return inner + 2 * len(ends(mesh.columns, mesh.rows))

    def link(self, m: Module, leave: Wires, enter: Wires) -> None:
        """Lead a stream through a link that can go wrong."""
        number, self._number = self._number, self._number + 1
        names = ("link", "kind", "skip", "flip", "same")
        m.submodules[f"link_{number}"] = Instance(
            "noc_fault",
            ("p", "WIDTH", len(leave[2])),
            ("i", "clk", ClockSignal()),
            ("i", "rst", ResetSignal()),
            ("i", "index", Const(number, 16)),
            *(("i", name, getattr(self, f"fault_{name}")) for name in names),
            ("i", "in_valid", leave[0]),
            ("o", "in_ready", leave[1]),
            ("i", "in_flit", leave[2]),
            ("o", "out_valid", enter[0]),
            ("i", "out_ready", enter[1]),
            ("o", "out_flit", enter[2]),
            ("o", "fired", self.fired[number]),
        )


def faults(
    quick: bool = False,
    *,
    mesh: str = "3x2",
    count: int = 40,
    reduce: bool | None = None,
    seed: int = 1,
    progress: Progress | None = None,
) -> dict:
    """Inject `count` faults of each kind, one a run, at random links and times, on the data and the
    reduction network.

    A fault is caught if the run fails its checks: the scoreboard, the watchdog or the routers'
    mismatch. As many runs without a fault have to pass.

    Parameters
    ----------
    quick, reduce
        A quick run leaves the reduction network out, which takes long to compile, unless `reduce`
        says otherwise.

    Returns
    -------
    dict
        ``injected``, ``caught``, and ``table``: by network and kind how many were injected and
        caught, and what noticed them.

    Raises
    ------
    SimulationFailure
        If a run without a fault fails.
    """
    machine = machine_for(mesh)
    rng = np.random.default_rng(seed)
    table = _network("data", machine, count, rng, progress)
    if reduce or (reduce is None and not quick):
        table += _network("reduction", machine, count, rng, progress)
    return {
        "injected": sum(row["injected"] for row in table),
        "caught": sum(row["caught"] for row in table),
        "table": table,
    }


def _network(
    name: str, machine: Machine, count: int, rng: np.random.Generator, progress: Progress | None
) -> list[dict]:
    if name == "data":
        layout = data_flit(machine.tile)
        router = Router(machine=machine, payload=layout, multicast=True)
        traffic: Callable[[], tuple[Run, Book]] = partial(_packets, machine, rng)
        equal: tuple[str, ...] = ("x0", "y0", "x1", "y1")
    else:
        layout = reduce_flit(machine.tile)
        router = ReduceRouter(machine=machine)
        traffic, equal = partial(_sums, machine, rng), ("tag",)
    compiled = build_bench(router, machine, network=FaultyMesh, hierarchical=name == "reduction")
    runs: list[tuple[str, Run, Book]] = []
    for kind in [*KINDS, "none"]:
        for _ in range(count):
            run, book = traffic()
            if kind != "none":
                run.fault = _fault(kind, layout, machine, rng, equal)
            else:
                run.fault = {"fault_kind": 0}
            runs.append((kind, run, book))
    outcomes = play(
        compiled,
        len(ends(machine.mesh.columns, machine.mesh.rows)),
        [run for _, run, _ in runs],
        progress=progress,
    )
    injected: Counter[str] = Counter()
    caught: Counter[str] = Counter()
    reasons: dict[str, Counter] = {kind: Counter() for kind in KINDS}
    for (kind, _, book), outcome in zip(runs, outcomes, strict=True):
        verdict = book.check(outcome)
        if kind == "none":
            if verdict.faults:
                raise SimulationFailure(f"{name} network, a run without a fault: {verdict}")
        elif outcome.fired:
            injected[kind] += 1
            caught[kind] += bool(verdict.faults)
            reasons[kind].update(verdict.faults.keys())
    return [
        {
            "network": name,
            "fault": kind,
            "injected": injected[kind],
            "caught": caught[kind],
            "noticed": dict(reasons[kind]),
        }
        for kind in KINDS
    ]


def _fault(
    kind: str,
    layout: data.StructLayout,
    machine: Machine,
    rng: np.random.Generator,
    equal: tuple[str, ...],
) -> dict:
    """Settings for a fault at a random place and time."""
    fields = {name: ((1 << field.width) - 1) << field.offset for name, field in layout}
    flip = 1 << int(rng.integers(layout["data"].width))
    if kind == "wrong member":
        # To the neighbour: the lowest bit of both ends of the rectangle, in x or in y.
        axis = "xy"[rng.integers(2)]
        flip = sum(1 << layout[f"{axis}{end}"].offset for end in (0, 1))
    elif "root_x" in fields and kind == "corrupt":
        # What a sum may round away is not a fault that anybody can see at the root: change a sign.
        flip = 1 << (32 * int(rng.integers(layout["data"].width // 32)) + 31)
    # Word 1 of the data names the source.
    source = 0xFFFFFFFF << 32 if "root_x" not in fields else 0
    return {
        "fault_link": int(rng.integers(FaultyMesh.links(machine))),
        "fault_kind": KINDS[kind],
        "fault_skip": int(rng.integers(20)),
        "fault_flip": flip,
        "fault_same": source | sum(fields[name] for name in equal),
    }


def _packets(machine: Machine, rng: np.random.Generator) -> tuple[Run, Book]:
    packets = mixed_packets("everything", machine.mesh, 40, rng, copies=800)
    return data_run(packets, machine, rng, patience=PATIENCE, stall=float(rng.choice([0.0, 0.3])))


def _sums(machine: Machine, rng: np.random.Generator) -> tuple[Run, Book]:
    columns, rows = machine.mesh.columns, machine.mesh.rows
    whole = Rectangle(0, 0, columns - 1, rows - 1)
    reductions = [
        Reduction(
            whole,
            (int(rng.integers(columns)), int(rng.integers(rows))),
            ReduceOp.SUM,
            Format.FP32,
            8,
        )
        for _ in range(8)
    ]
    return reduction_run(
        reductions, machine, rng, wild=0.0, patience=PATIENCE, stall=float(rng.choice([0.0, 0.3]))
    )
