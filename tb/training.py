"""The profile of a tile: small runs of its own machine, on four tiles, that nobody measures."""

from isa.errors import UserError
from isa.machine import Machine
from programs.compiler import compile_workload
from programs.tensors import load_workload
from tb.hardware import TRAINING, Design, native_files
from tb.library import Library, build_library, profile
from tb.mesh import simulate

__all__ = ["profile_tile"]


def profile_tile(machine: Machine, array: str = "rtl") -> Library:
    """Compile the machine's tile by a profile, if that has not been done: every later simulation
    of this tile takes it.

    Parameters
    ----------
    machine
        The machine; meshes of any shape have the same tile.
    array
        One of `tb.hardware.ARRAYS`.
    """
    small = machine.with_mesh("2x2")
    files = native_files(small, array)

    def train(library: Library) -> None:
        for line in TRAINING.split(", "):
            _run(small, Design(files, library=library), *line.split())

    return profile(build_library(files["tile.v"], "tile"), TRAINING, train)


def _run(machine: Machine, design: Design, spec: str, dataflow: str, fmt: str) -> None:
    tensors = load_workload(spec, fmt, 1)
    try:
        compiled = compile_workload(machine, tensors.workload, dataflow)
    except UserError:  # it lacks something that this dataflow needs
        compiled = compile_workload(machine, tensors.workload)
    images = {tile: program.words() for tile, program in compiled.programs.items()}
    simulate(machine, images, tensors.scatter(compiled), dump=(0, 0), design=design)
