"""A die that takes what nothing can beat: the rules around it can be checked by hand."""

from dataclasses import dataclass

from model.wafer.description import PAPER_WAFER, Wafer
from model.wafer.floors import kernel_floor
from model.wafer.kernels import Cycles, Kernel


@dataclass
class IdealDie:
    wafer: Wafer = PAPER_WAFER

    def __call__(self, kernel: Kernel) -> Cycles:
        cycles = kernel_floor(self.wafer, kernel) * self.wafer.machine.clock_ghz * 1e9
        return Cycles(cycles, 0.9 * cycles, 1.2 * cycles)
