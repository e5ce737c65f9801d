"""Many runs that differ in inputs of the mesh only, from one start of the simulator.

Starting it, loading HBM and Python takes longer than most small runs do. Here that is done once;
in the last cycle of reset the process divides itself, once for each run.
"""

import json
import shutil
from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from isa.machine import Machine
from tb.hardware import Design, build_mesh
from tb.memory_files import write_memory
from tb.mesh import BENCH, MeshRun, RunFailure, Settings, orders_of, result_of
from tb.runner import SimulationFailure, fresh_folder, run

__all__ = ["simulate_branches"]


def simulate_branches(
    machine: Machine,
    images: Mapping[tuple[int, int], Sequence[int]],
    hbm: Sequence[NDArray[np.uint8]],
    design: Design,
    branches: Sequence[Mapping[str, int]],
    settings: Settings = Settings(),
) -> list[MeshRun | RunFailure | SimulationFailure]:
    """Run one program image per tile once for each of `branches`.

    Parameters
    ----------
    machine, images, hbm, settings
        See `tb.mesh.simulate`. All that `hbm` has is read back afterwards.
    design
        Verilog to run.
    branches
        Inputs of the mesh, besides those of the design.

    Returns
    -------
    list
        What each run gave, or why it failed; a run whose process ended before it did is a
        `SimulationFailure`.

    Raises
    ------
    SimulationFailure
        If the simulator does not even start.
    """
    workdir = fresh_folder("branches")
    last = max(len(content) for content in hbm) // machine.tile.word_bytes - 1
    try:
        boot = write_memory(machine, images, hbm, workdir)
        orders = orders_of(machine, settings, boot, design.inputs)
        (workdir / "run.json").write_text(json.dumps(orders | {"branches": list(branches)}))
        for index in range(len(branches)):
            (workdir / str(index)).mkdir()
        compiled = build_mesh(machine, stall=True, design=design)
        run(
            compiled,
            BENCH,
            environment={"FLATMESH_RUN": str(workdir)},
            plusargs=["+hbm_dir=.", "+dump_from=0", f"+dump_to={last}"],
            workdir=workdir,
        )
        found: list[MeshRun | RunFailure | SimulationFailure] = []
        for index in range(len(branches)):
            try:
                found.append(result_of(machine, settings, workdir / str(index), compiled.seconds))
            except RunFailure as failure:
                found.append(failure)
            except OSError:
                found.append(SimulationFailure(f"{BENCH}: the simulator ended in run {index}"))
        return found
    finally:
        shutil.rmtree(workdir, ignore_errors=True)
