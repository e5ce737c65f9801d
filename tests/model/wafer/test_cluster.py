"""Kernels of a wafer are computed once; on a Dask cluster, one of whose workers is killed, nothing
is lost.
"""

import io

import pytest
from rich.console import Console

from isa.instructions import Format
from isa.machine import MACHINES
from model.wafer.die import die_cycles
from model.wafer.kernels import Kernel
from programs.gemm.workload import Gemm
from publish.wafer.kernel_runs import KernelRuns
from tb.tasks import Store, Workers
from tests.tb.test_cluster import cluster  # noqa: F401  # a fixture

DIE = MACHINES["mesh4"]
KERNELS = [
    Kernel("product", "dense", Gemm(64, 128 * n, 128, 2, Format.E4M3, Format.BF16))
    for n in range(1, 7)
]


def once(workers: Workers, kernels: list[Kernel], store: Store, monkeypatch) -> None:
    """Compute kernels into an empty store, and find them there."""
    said = Console(file=io.StringIO())
    for missing in (len(kernels), 0):
        runs = KernelRuns(DIE, workers, said)
        monkeypatch.setattr(runs, "_store", store)
        assert runs.prepare(kernels) == missing
        for kernel in kernels:
            assert runs.seen(kernel) == die_cycles(DIE, kernel.work)._asdict()


def test_a_kernel_is_computed_once(tmp_path, monkeypatch):
    once(Workers(2), KERNELS[:2], Store(tmp_path), monkeypatch)


@pytest.mark.slow  # the same with other tasks: tests/tb/test_cluster.py
def test_kernels_of_a_killed_worker_are_computed_by_the_other_one(
    cluster,  # noqa: F811
    tmp_path,
    monkeypatch,
):
    address, workers = cluster
    kept: list[str] = []

    class Watched(Store):
        """Kills a worker when the first kernel is through, while both have work."""

        def release(self, task, result=None):
            super().release(task, result)
            if not kept:
                workers[0].kill()
            kept.append(task.name)

    once(Workers(scheduler=address), KERNELS, Watched(tmp_path), monkeypatch)
    assert workers[0].wait(10) < 0 and workers[1].poll() is None
    assert len(kept) >= len(KERNELS)
