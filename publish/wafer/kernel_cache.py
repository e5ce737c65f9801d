"""Cycles of kernels, kept under ``build/wafer/kernels`` and safe to delete."""

import hashlib
import json
from collections.abc import Iterable
from concurrent.futures import ProcessPoolExecutor, as_completed
from functools import cache
from pathlib import Path

from isa.machine import Machine
from model.wafer.die import DieModel
from model.wafer.kernels import Cycles, Kernel, Pointwise
from tb.files import write_json
from tb.runner import ROOT

__all__ = ["KeptCycles", "costs_of"]

FOLDER = ROOT / "build" / "wafer" / "kernels"
_SOURCES = ("isa", "programs", "model")
"""Rooms on which the cycles of a kernel depend; of `model`, all but what is above the kernels."""
_ABOVE: tuple[str, ...] = (
    "routing",
    "traffic",
    "flows",
    "packets",
    "topology",
    "bounds",
    "plan",
    "serving",
)
_ABOVE += ("search", "schedule", "language", "layer", "floors", "description")


class KeptCycles:
    """Cycles of kernels of one die by one set of costs, each computed once.

    A file is named by a hash of the machine, the costs, the kernel's shape and the sources that
    make its cycles. It is written when the kernel is done: a run that is killed loses the kernels
    it was at, and no others.
    """

    def __init__(self, machine: Machine, costs: str) -> None:
        self.machine, self.costs = machine, costs
        self._known: dict[Kernel, Cycles] = {}

    def __call__(self, kernel: Kernel) -> Cycles:
        """From the file, or computed and kept."""
        if kernel not in self._known:
            self._known[kernel] = self._found(kernel)
        return self._known[kernel]

    def prepare(self, kernels: Iterable[Kernel], jobs: int) -> int:
        """Compute what is not kept yet, in `jobs` processes; how many that were."""
        products = {k for k in kernels if not isinstance(k.work, Pointwise)}
        missing = {self._path(kernel): kernel for kernel in sorted(products, key=repr)}
        missing = {path: kernel for path, kernel in missing.items() if not path.exists()}
        if jobs == 1 or len(missing) < 2:
            for kernel in missing.values():
                self(kernel)
            return len(missing)
        with ProcessPoolExecutor(jobs) as pool:
            waiting = [pool.submit(self, kernel) for kernel in missing.values()]
            for done in as_completed(waiting):
                done.result()
        return len(missing)

    def _path(self, kernel: Kernel) -> Path:
        parts = (_sources(), self.costs, self.machine.to_toml(), kernel.work, kernel.dataflow)
        return FOLDER / f"{hashlib.sha256(repr(parts).encode()).hexdigest()[:24]}.json"

    def _found(self, kernel: Kernel) -> Cycles:
        if isinstance(kernel.work, Pointwise):
            return DieModel(self.machine)(kernel)
        path = self._path(kernel)
        if not path.exists():
            cycles = DieModel(self.machine)(kernel)
            write_json(path, {"work": repr(kernel.work), "cycles": list(cycles)})
        return Cycles(*json.loads(path.read_text())["cycles"])


@cache
def _sources() -> str:
    """Hash of the sources."""
    seen = hashlib.sha256()
    for room in _SOURCES:
        for path in sorted((ROOT / room).rglob("*.py")):
            if not (path.parent.name == "wafer" and path.stem in _ABOVE):
                seen.update(path.read_bytes())
    return seen.hexdigest()


def costs_of(machine: Machine, costs: str) -> KeptCycles:
    """Cycles of kernels on a die, by our hardware's costs."""
    return KeptCycles(machine, costs)
