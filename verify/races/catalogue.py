"""The programs that are shipped, small enough to be searched for races one by one."""

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

from isa.geometry import Rectangle
from isa.image import Program
from isa.machine import Machine, load_machine
from programs.attention.mapping import ALL_REDUCES, READS, SOFTWARE
from programs.attention.workload import Attention
from programs.collectives.collective import KINDS, Collective, CollectiveSemaphores, methods_of
from programs.collectives.emit import emit
from programs.common.code import Code
from programs.common.kind import Decision
from programs.compiler import compile_workload, dataflows_of, parse_workload
from programs.gemm.workload import Gemm

__all__ = ["VARIANTS", "Built", "Dataflow", "SoftwareProgram", "shipped"]

VARIANTS = {
    "mha": "mha:S=64,D=16,H=2",
    "mha, tails": "mha:Sq=37,Skv=61,D=17,Dv=9,H=3",
    "mha, causal": "mha:S=70,D=16,H=2,causal=1",
    "mha, rows that see nothing": "mha:Sq=50,Skv=20,D=8,H=2,causal=1",
    "gqa": "gqa:S=37,D=24,H=6,Hkv=2",
    "gqa, ragged decode": "gqa:B=3,H=6,Hkv=2,Sq=1,Skv=90,D=24,len=17/90/1",
    "gqa, speculative": "gqa:B=2,H=6,Hkv=2,sp=4,Skv=75,D=24,causal=1",
    "mqa, decode": "mqa:H=12,Sq=1,Skv=75,D=24",
    "mla, decode": "mla:H=5,Sq=1,Skv=60,D=24,Dv=17",
    "mla, causal": "mla:S=41,D=24,Dv=24,H=3,causal=1",
    "gemm": "gemm:M=96,N=96,K=100",
    "gemm, tails": "gemm:B=3,M=37,N=61,K=45",
}
"""Kinds of workloads, by name."""

SETTINGS: dict[type, tuple[tuple[str, dict], ...]] = {
    Attention: (
        ("2x2", {"rows": 12, "columns": 8}),
        ("3x2", {}),
        ("4x4", {}),
        ("3x2", {"reads": READS[-1], "all_reduce": ALL_REDUCES[-1]}),
    ),
    Gemm: (("2x2", {"rows": 12, "columns": 32}), ("3x2", {}), ("4x4", {})),
}
"""Meshes, with what is fixed of the mapping: many visits of a tile, no even cut, what the rule
takes, no network features.
"""

PLACES: tuple[tuple[str, tuple[int, int, int, int], tuple[int, int]], ...] = (
    ("4x1", (0, 0, 3, 0), (0, 0)),
    ("4x2", (0, 0, 3, 1), (2, 1)),
    ("5x3", (1, 1, 4, 2), (3, 2)),
)
"""Mesh, rectangle and root of collectives."""
_SEGMENTED = 4


class Built(NamedTuple):
    """A program for every tile of a machine."""

    machine: Machine
    programs: dict[tuple[int, int], Program]
    semaphore: Callable[[int], str]
    """Name of a semaphore."""


class Dataflow(NamedTuple):
    """A dataflow on a kind of workload."""

    dataflow: str
    variant: str
    mesh: str
    fixed: tuple[tuple[str, Decision], ...] = ()
    spec: str = ""
    """Instead of the variant's."""

    @property
    def family(self) -> str:
        """Row of the table by families."""
        return self.dataflow

    def __str__(self) -> str:
        """`flat on 3x2, mha, tails`, with what is fixed."""
        more = " ".join(f"{name}={value}" for name, value in self.fixed)
        return f"{self.dataflow} on {self.mesh}: {self.variant}{f' ({more})' if more else ''}"

    def build(self) -> Built:
        """Compile it."""
        machine = load_machine("mesh4", self.mesh)
        workload = _workload(self.spec or VARIANTS[self.variant])
        compiled = compile_workload(machine, workload, self.dataflow, **dict(self.fixed))
        return Built(machine, compiled.programs, lambda semaphore: compiled.semaphores[semaphore])


class SoftwareProgram(NamedTuple):
    """A collective, by the network or by tile programs."""

    kind: str
    method: str
    place: int
    """Of `PLACES`."""
    slots: int | None = None
    """Receive buffers per child, in segments; None: all at once."""

    @property
    def family(self) -> str:
        """Row of the table by families."""
        return self.kind

    def __str__(self) -> str:
        """`reduce by unicast on 4x1, 2 buffers`."""
        mesh, *_ = PLACES[self.place]
        return (
            f"{self.kind} by {self.method} on "
            f"{mesh}{f', {self.slots} buffers' if self.slots else ''}"
        )

    def build(self) -> Built:
        """Write its programs."""
        mesh, rectangle, root = PLACES[self.place]
        code = Code(load_machine("mesh4", mesh))
        more: dict[str, Any] = {"segment": _SEGMENTED, "slots": self.slots} if self.slots else {}
        emit(
            code,
            Collective(
                self.kind,
                self.method,
                Rectangle(*rectangle),
                root,
                20,
                source=16,
                target=1250,
                scratch=2000,
                **more,
            ),
        )
        return Built(code.machine, code.programs(), _collective_semaphore)


def _workload(spec: str) -> Attention | Gemm:
    return parse_workload(spec)


def _collective_semaphore(number: int) -> str:
    numbers = CollectiveSemaphores()._asdict()
    return next(
        name
        for name, used in numbers.items()
        if number == used or (name == "arrive" and number in used)
    )


def shipped() -> Iterator[Dataflow | SoftwareProgram]:
    """Every dataflow on every workload that it computes, in every setting; every collective by
    every method in every place.
    """
    workloads = {variant: _workload(spec) for variant, spec in VARIANTS.items()}
    for dataflow in dict.fromkeys(
        name for workload in workloads.values() for name in dataflows_of(workload)
    ):
        for variant, workload in workloads.items():
            for mesh, fixed in (
                SETTINGS[type(workload)] if dataflow in dataflows_of(workload) else ()
            ):
                # Without the network's collectives there is no choice of what they do.
                if dataflow not in SOFTWARE or "reads" not in fixed:
                    yield Dataflow(dataflow, variant, mesh, tuple(fixed.items()))
    for kind in KINDS:
        for method in methods_of(kind):
            for place in range(len(PLACES)):
                for slots in (
                    (None, 1, 2) if method not in ("hardware", "doubling", "halving") else (None,)
                ):
                    yield SoftwareProgram(kind, method, place, slots)
