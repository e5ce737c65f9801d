"""The compiled mesh driven by a bare C++ loop: the same model that cocotb runs, without cocotb."""

import json
import os
import shlex
import subprocess
from pathlib import Path

from tb import toolchain
from tb.runner import Build, SimulationFailure

__all__ = ["run_bare"]

SOURCE = Path(__file__).with_name("bare.cpp")


def run_bare(compiled: Build, workdir: Path) -> dict:
    """Run the program that `tb.mesh.simulate` left in `workdir`, on the very objects that cocotb
    runs.

    Returns
    -------
    dict
        ``simulated``: cycles from reset, ``cycles`` and ``error`` as the mesh says, ``seconds`` of
        the processor, ``reference_seconds`` of a fixed loop run before and after.
    """
    binary = compiled.folder / "bare"
    if not binary.exists():
        include = toolchain.include_folder()
        objects = [
            str(path)
            for pattern in (
                "grid_model.o",
                "native_tiles.o",
                "verilated*.o",
                "Vtop__ALL.a",
                "V*/lib*.a",
            )
            for path in sorted(compiled.folder.glob(pattern))
        ]
        command = [
            "g++",
            *shlex.split(toolchain.OPTIMISATION),
            "-std=c++17",
            "-DVM_TRACE=0",
            f"-I{compiled.folder}",
            f"-I{include}",
            f"-I{include}/vltstd",
            str(SOURCE),
            *objects,
            *compiled.archives,
            "-lpthread",
            "-latomic",
            "-o",
            str(made := binary.with_suffix(f".{os.getpid()}")),  # others may be at it
        ]
        built = subprocess.run(command, capture_output=True, text=True, check=False)
        if built.returncode:
            raise SimulationFailure(f"the bare loop did not compile:\n{built.stderr[-2000:]}")
        made.replace(binary)
    inputs = json.loads((workdir / "run.json").read_text())["inputs"]
    arguments = [f"{name}={value}" for name, value in inputs.items()]
    done = subprocess.run(
        [str(binary), *arguments, f"+hbm_dir={workdir}"],
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise SimulationFailure(f"the bare loop stopped abnormally:\n{done.stderr[-2000:]}")
    return json.loads(done.stdout)
