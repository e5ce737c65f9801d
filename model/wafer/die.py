"""Cycles of kernels by the die model: compiled programs, the images that RTL and golden run."""

from isa.machine import Machine
from model.predict import predict
from model.wafer.kernels import DATAFLOW, Cycles, Kernel, Pointwise, pointwise_cycles
from programs.compiler import compile_workload

__all__ = ["DieModel"]


class DieModel:
    """What a kernel takes on our tiles."""

    def __init__(self, machine: Machine) -> None:
        self.machine = machine

    def __call__(self, kernel: Kernel) -> Cycles:
        """Compile a product or attention by the tiling rule, and run it in the model; element-wise
        kernels follow the law of the vector engine.
        """
        if isinstance(kernel.work, Pointwise):
            cycles = float(pointwise_cycles(self.machine, kernel.work))
        else:
            dataflow = DATAFLOW[kernel.dataflow] if kernel.dataflow else None
            cycles = float(predict(compile_workload(self.machine, kernel.work, dataflow)).cycles)
        return Cycles(cycles, cycles, cycles)
