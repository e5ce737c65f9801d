"""Cycles of kernels, each computed once: kept under ``build/wafer/kept``, safe to delete."""

from collections.abc import Iterable

from rich.console import Console

from isa.machine import Machine
from isa.words import counted
from model.wafer.die import Residuals, die_cycles, paper_cycles, residuals, with_interval
from model.wafer.kernels import Cycles, Kernel, Pointwise, pointwise_cycles
from programs.attention.workload import Attention
from programs.gemm.workload import Gemm
from tb.runner import ROOT
from tb.tasks import Store, Task, Workers, run_tasks
from tb.waiting import ahead

__all__ = ["KernelRuns"]


SECONDS = {"ours": 14.0, "papers": 1.0, "errors": 30.0}
"""What a kernel by either costs, and the errors, usually take on one core."""


def run_kernel(machine: Machine, work: Gemm | Attention, dataflow: str | None) -> dict:
    """What the die model says of a kernel, as plain data."""
    return die_cycles(machine, work, dataflow)._asdict()


def run_paper_kernel(machine: Machine, work: Gemm | Attention, dataflow: str | None) -> dict:
    """The same by the papers' costs."""
    return paper_cycles(machine, work, dataflow)._asdict()


def run_residuals() -> dict:
    """How the die model errs on published RTL runs, as plain data."""
    return residuals()._asdict()


class KernelRuns:
    """Cycles of kernels on one die, by our hardware's costs or the papers'. Element-wise kernels
    follow the law of our vector engine in both; the papers' costs have no interval.

    A result is kept under its machine, its shape, and the sources that make it, as soon as it is
    there: a process or worker that is killed loses the kernel it was at, which another one does
    again.
    """

    def __init__(
        self, machine: Machine, workers: Workers, console: Console, *, papers: bool = False
    ) -> None:
        self.machine, self.workers, self.console, self.papers = machine, workers, console, papers
        self._store = Store(ROOT / "build" / "wafer" / "kept")
        self._known: dict[tuple, dict] = {}
        self._errors: Residuals | None = None

    def __call__(self, kernel: Kernel) -> Cycles:
        """Cycles with their interval."""
        work = kernel.work
        if isinstance(work, Pointwise):
            cycles = float(pointwise_cycles(self.machine, work))
        else:
            cycles = self.seen(kernel)["cycles"]
        return Cycles(cycles, cycles, cycles) if self.papers else with_interval(cycles, self.errors)

    def seen(self, kernel: Kernel) -> dict:
        """All that the model says of a product or attention."""
        if (kernel.work, kernel.dataflow) not in self._known:
            self.prepare([kernel])
        return self._known[kernel.work, kernel.dataflow]

    @property
    def errors(self) -> Residuals:
        """How the model errs."""
        if self._errors is None:
            task = Task("errors of the die model", run_residuals)
            if self._store.find(task) is None:
                ahead("errors of the die model on published RTL runs", SECONDS["errors"])
            seen = run_tasks([task], self.workers, self.console, store=self._store)
            self._errors = Residuals(**seen[task.name])
        return self._errors

    def prepare(self, kernels: Iterable[Kernel]) -> int:
        """Compute what is not kept yet; how many kernels that were."""
        tasks, run = {}, run_paper_kernel if self.papers else run_kernel
        for kernel in sorted(set(kernels), key=repr):
            key = kernel.work, kernel.dataflow
            if isinstance(kernel.work, Pointwise) or key in self._known:
                continue
            arguments = {"machine": self.machine, "work": kernel.work, "dataflow": kernel.dataflow}
            tasks[key] = Task(_name(kernel), run, arguments)
        missing = sum(self._store.find(task) is None for task in tasks.values())
        if missing:
            seconds = missing * SECONDS["papers" if self.papers else "ours"]
            ahead(f"cycles of {counted(missing, 'kernel')} of a die", seconds, self.workers.known)
        seen = run_tasks(list(tasks.values()), self.workers, self.console, store=self._store)
        self._known |= {key: seen[task.name] for key, task in tasks.items()}
        return missing


def _name(kernel: Kernel) -> str:
    work = kernel.work
    if isinstance(work, Gemm):
        return f"gemm {work.batch} x {work.m} x {work.n} x {work.k} {work.fmt.name}"
    assert isinstance(work, Attention)
    shape = f"{work.heads}/{work.kv_heads} heads, {work.sq} x {work.skv}, {work.d} {work.dv}"
    return f"attention {shape} {work.fmt.name} {kernel.dataflow}"
