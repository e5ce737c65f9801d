"""Kernels of a wafer on a Dask cluster, one of whose workers is killed: nothing is lost."""

import io

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


def test_kernels_of_a_killed_worker_are_computed_by_the_other_one(
    cluster,  # noqa: F811
    tmp_path,
    monkeypatch,
):
    address, workers = cluster
    said = Console(file=io.StringIO())
    runs = KernelRuns(DIE, Workers(scheduler=address), said)
    kept: list[str] = []

    class Watched(Store):
        """Kills a worker when the first kernel is through, while both have work."""

        def release(self, task, result=None):
            super().release(task, result)
            if not kept:
                workers[0].kill()
            kept.append(task.name)

    monkeypatch.setattr(runs, "_store", Watched(tmp_path / "kept"))
    assert runs.prepare(KERNELS) == len(KERNELS)
    assert workers[0].wait(10) < 0 and workers[1].poll() is None
    assert len(kept) >= len(KERNELS)
    for kernel in KERNELS:
        assert runs.seen(kernel) == die_cycles(DIE, kernel.work)._asdict()
    # Another run finds all of them.
    again = KernelRuns(DIE, Workers(scheduler=address), said)
    monkeypatch.setattr(again, "_store", Store(tmp_path / "kept"))
    assert again.prepare(KERNELS) == 0
