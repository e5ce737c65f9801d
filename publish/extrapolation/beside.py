"""Our machine beside the GH200, whose figures arXiv 2604.02110 measured."""

import csv
from collections.abc import Iterator
from pathlib import Path
from statistics import mean
from typing import NamedTuple

from publish.extrapolation.points import Grid32, ModelPoint

__all__ = ["MACHINE", "Beside", "beside", "mean_speedup"]

MACHINE = "paper-4tb"
_MEASURED = Path(__file__).with_name("gh200.csv")


class Beside(NamedTuple):
    """A kernel on both."""

    kernel: str
    tflops: float
    """Of the GH200."""
    point: ModelPoint

    @property
    def speedup(self) -> float:
        """Ours over theirs."""
        return self.point.tflops / self.tflops

    @property
    def compute_bound(self) -> bool:
        """Whether it has more operations for each byte of HBM than the machine."""
        machine = self.point.on
        return self.point.intensity > 2 * machine.macs / machine.hbm_bytes_per_cycle


def beside(grid: Grid32) -> list[Beside]:
    """All measured kernels that are among the points."""
    found = []
    for kernel, workload, tflops in _measured():
        points = grid.some(machine=MACHINE, workload=workload, asked_group="", target="steady")
        found += [Beside(kernel, tflops, point) for point in points if point.dataflow != "flash3"]
    return found


def mean_speedup(rows: list[Beside]) -> float:
    """Arithmetic mean, as the paper's."""
    return mean(row.speedup for row in rows)


def _measured() -> Iterator[tuple[str, str, float]]:
    """Kernel, the spec that stands for it here, and 10^12 operations a second.

    The batches are ours: the paper does not give them.
    """
    with _MEASURED.open() as lines:
        for row in csv.DictReader(line for line in lines if not line.startswith("#")):
            length, sp, d = row["length"], row["speculative_length"], row["head_dim"]
            spec = {
                "mha_prefill": f"mha:S={length},D={d},H=32,B=4",
                "mha_decode": f"mha:B=8,H=32,D={d},Sq={sp},Skv={length}",
                "gqa_decode": f"gqa:B=32,H=64,Hkv=8,D={d},Sq={sp},Skv={length}",
                "mla_decode": f"mla:B=32,H=128,Sq={sp},Skv={length}",
            }[row["kernel"]]
            yield row["kernel"].replace("_", " "), spec, float(row["tflops_fp16"])
