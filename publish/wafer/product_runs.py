"""Cycles of products in the mapping that is fastest in the model."""

from collections.abc import Iterable

from isa.machine import Machine
from model.wafer.floors import kernel_bytes
from model.wafer.kernels import Kernel
from model.wafer.products import product_cycles
from programs.gemm.workload import Gemm
from publish.wafer.kernel_runs import KernelRuns
from tb.tasks import Task, run_tasks

__all__ = ["ProductRuns"]

NEAR = 0.9
"""Share of its floor in a product's cycles from which on the rule's choice is taken."""
TRIED = 1
"""Mappings of a product that are run at most, beside the rule's choice."""


def run_product(machine: Machine, work: Gemm, tried: int) -> dict:
    """What the die model says of the fastest candidate, as plain data; empty if there is none."""
    seen = product_cycles(machine, work, tried)
    return seen._asdict() if seen else {}


class ProductRuns(KernelRuns):
    """Products run by the candidates of `worth_a_run` too, by our hardware's costs; the fastest
    counts. They are kept apart from the others, and as safe to delete.
    """

    def prepare(self, kernels: Iterable[Kernel]) -> int:
        """Compute what is not kept yet; how many runs that were."""
        wanted = {kernel for kernel in kernels if (kernel.work, kernel.dataflow) not in self._known}
        computed = super().prepare(wanted)
        tasks = {}
        works = {kernel.work for kernel in wanted if isinstance(kernel.work, Gemm)}
        for work in sorted(filter(self._far_from_floor, works), key=repr):
            name = f"mappings of gemm {work.batch} x {work.m} x {work.n} x {work.k} {work.fmt.name}"
            arguments = {"machine": self.machine, "work": work, "tried": TRIED}
            tasks[work] = Task(name, run_product, arguments)
        missing = sum(self._store.find(task) is None for task in tasks.values())
        seen = run_tasks(list(tasks.values()), self.workers, self.console, store=self._store)
        for work, task in tasks.items():
            found = seen[task.name]
            if found and found["cycles"] < self._known[work, None]["cycles"]:
                self._known[work, None] = found
        return computed + missing

    def _far_from_floor(self, work: Gemm) -> bool:
        """Whether a product by the rule's choice is so far from its floor that others are tried."""
        computing = work.useful_macs / self.machine.macs
        moving = kernel_bytes(Kernel("", "", work)) / self.machine.hbm_bytes_per_cycle
        return max(computing, moving) < NEAR * self._known[work, None]["cycles"]
