"""What a kernel takes at least on a die, whatever the program."""

from dataclasses import dataclass

from isa.formats import FORMATS
from model.wafer.description import Wafer
from model.wafer.kernels import Cycles, Kernel, Pointwise, kernel_macs
from programs.attention.workload import Attention

__all__ = ["IdealDie", "kernel_bytes", "kernel_floor"]


def kernel_bytes(kernel: Kernel) -> int:
    """Bytes that must come from HBM or go there: every operand and result once."""
    work = kernel.work
    if isinstance(work, Pointwise):
        return kernel.count * work.rows * work.row_bytes
    element, result = FORMATS[work.fmt].bytes, FORMATS[work.o_fmt].bytes
    if isinstance(work, Attention):
        columns = work.d if work.latent else work.d + work.dv
        cache = work.kv_heads * work.skv * columns
        queries = work.heads * work.sq
        return kernel.count * (element * (cache + queries * work.d) + result * queries * work.dv)
    inputs = element * (work.m * work.k + work.k * work.n)
    return kernel.count * work.batch * (inputs + result * work.m * work.n)


def kernel_floor(wafer: Wafer, kernel: Kernel) -> float:
    """Seconds at the matrix engines' peak, or at the HBM's bandwidth."""
    computing = 2 * kernel_macs(kernel) / wafer.peak_flops
    return max(computing, kernel_bytes(kernel) / wafer.port_bytes_per_s)


@dataclass(frozen=True)
class IdealDie:
    """A `KernelCycles` that nothing beats: every kernel takes its floor."""

    wafer: Wafer

    def __call__(self, kernel: Kernel) -> Cycles:
        """The floor, once."""
        cycles = (
            kernel_floor(self.wafer, kernel) / kernel.count * self.wafer.machine.clock_ghz * 1e9
        )
        return Cycles(cycles, cycles, cycles)
