"""One experiment: a workload compiled for a machine, run by the golden machine and by the RTL, and
compared.
"""

import subprocess
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from golden.machine import GoldenMachine
from isa.formats import FORMATS, decode
from isa.instructions import Format
from isa.machine import Machine
from isa.status import Probe
from programs.common.compiled import Compiled
from programs.common.rounding import Rounding
from programs.compiler import compile_workload, estimate_workload
from programs.tensors import Tensors
from tb.accuracy import Accuracy, judge
from tb.estimate import refuse_if_too_large
from tb.hardware import Design
from tb.mesh import MeshRun, Settings, simulate

__all__ = ["Experiment", "Rig", "commit", "golden_contents", "golden_output"]
__all__ += ["run_experiment"]


@dataclass
class Experiment:
    """Outcome: `result` is the flat object of ``result.json``; the rest is for files, pictures and
    messages.
    """

    result: dict
    tensors: Tensors
    run: MeshRun
    accuracy: Accuracy
    arrays: dict[str, NDArray]
    """``o`` of the RTL, ``expected`` of golden, ``fp64``."""
    first_mismatch: str = ""

    @property
    def passed(self) -> bool:
        """Every output bit equals golden, and no element is further from float64 than it may be
        (`tb.accuracy`).
        """
        return self.result["bit_exact"] and self.accuracy.passed

    @property
    def why(self) -> str:
        """What is wrong, in one line; empty if nothing is."""
        return self.first_mismatch or self.accuracy.why()


@dataclass(frozen=True)
class Rig:
    """What an experiment runs on, and who watches it."""

    design: Design | None = None
    """Hardware in place of ours."""
    workdir: Path | None = None
    """Folder of the simulation's files; a fresh one under ``build/runs`` if None."""
    say: Callable[[str], None] = lambda _: None
    """Called with what has just been done."""
    expect: Callable[[float], None] = lambda _: None
    """Called with the cycles that the run will take, by the tiling rule's estimate."""
    progress: Callable[[int], None] | None = None
    """Called now and then with the cycle that the RTL has reached."""


def run_experiment(
    machine: Machine,
    tensors: Tensors,
    dataflow: str | None = None,
    *,
    overrides: dict | None = None,
    settings: Settings = Settings(),
    rig: Rig = Rig(),
) -> Experiment:
    """Compile, run on golden and on the RTL (or on the rig's design), compare.

    Raises
    ------
    UserError
        If the workload cannot be compiled for the machine, the machine is too large, or it stops
        (`tb.mesh.RunFailure`).
    """
    if not settings.any_size:
        refuse_if_too_large(machine)
    compiled = compile_workload(machine, tensors.workload, dataflow, **(overrides or {}))
    rig.say(compiled.describe())
    memory = tensors.scatter(compiled)
    started = time.perf_counter()
    expected = golden_output(machine, tensors, compiled, memory)
    golden_seconds = time.perf_counter() - started
    rig.say(f"golden machine: {golden_seconds:.1f} s")
    rig.expect(estimate_workload(machine, compiled.workload, compiled.mapping))
    run = simulate(
        machine,
        {tile: program.words() for tile, program in compiled.programs.items()},
        memory,
        dump=(0, max(len(content) for content in memory) // machine.tile.word_bytes - 1),
        settings=settings,
        design=rig.design,
        progress=rig.progress,
        workdir=rig.workdir,
    )
    seen = tensors.gather(compiled, run.hbm)
    wrong = np.argwhere(seen != expected)
    fmt = tensors.workload.o_fmt
    values = decode(seen, fmt)
    accuracy = judge(values, tensors)
    result = _result(machine, compiled, run, golden_seconds)
    result.update(
        workload=tensors.name,
        array=settings.array,
        stall_rate=settings.stall_rate,
        **tensors.dtypes,
        file_formats=tensors.file_formats,
        seed=tensors.seed,
        commit=commit(),
        bit_exact=len(wrong) == 0,
        mismatches=len(wrong),
        **accuracy.result(),
        **_rounding(tensors),
    )
    arrays = {
        "o": tensors.shaped(values),
        "expected": tensors.shaped(decode(expected, fmt)),
        "fp64": tensors.shaped(accuracy.exact),
    }
    mismatch = _describe(wrong, seen, expected, fmt, tensors.axes)
    return Experiment(result, tensors, run, accuracy, arrays, mismatch)


def golden_output(
    machine: Machine, tensors: Tensors, compiled: Compiled, memory: list[NDArray[np.uint8]]
) -> NDArray[np.unsignedinteger]:
    """Bits of the result on the golden machine."""
    return tensors.gather(compiled, golden_contents(machine, compiled, memory))


def golden_contents(
    machine: Machine, compiled: Compiled, memory: list[NDArray[np.uint8]]
) -> list[NDArray[np.uint8]]:
    """Bytes of every channel after a run on the golden machine."""
    images = {tile: program.words() for tile, program in compiled.programs.items()}
    golden = GoldenMachine(machine, images, [content.copy() for content in memory])
    golden.run()
    return [content.view(np.uint8).reshape(-1) for content in golden.hbm]


def _rounding(tensors: Tensors) -> dict[str, int]:
    """What rounding the inputs to their format cost, as keys of the result."""
    total = sum(tensors.rounding.values(), Rounding())
    return {
        f"inputs_rounded_to_{name}": count
        for name, count in asdict(total).items()
        if name != "changed"
    } | {"inputs_rounded": total.changed}


def _describe(wrong: NDArray, seen: NDArray, expected: NDArray, fmt: Format, axes: str) -> str:
    if not len(wrong):
        return ""
    index = tuple(wrong[0])
    digits = FORMATS[fmt].bytes * 2
    largest = np.abs(decode(seen, fmt).astype(np.float64) - decode(expected, fmt)).max()
    return (
        f"output differs from golden in {len(wrong)} of {seen.size} elements, first at {axes} = "
        f"{tuple(map(int, index))}: expected {expected[index]:#0{digits + 2}x}, got "
        f"{seen[index]:#0{digits + 2}x}; largest difference {largest:.3g}"
    )


def commit() -> str:
    """The commit of the checkout, with ``+`` when files differ from it, or ``unknown``
    outside git.
    """
    root = Path(__file__).parent
    try:
        head = subprocess.run(
            ["git", "rev-parse", "--short=12", "HEAD"],
            cwd=root,
            capture_output=True,
            text=True,
            check=True,
        )
        dirty = subprocess.run(
            ["git", "status", "--porcelain", "-uno"],
            cwd=root,
            capture_output=True,
            text=True,
            check=True,
        )
    except (OSError, subprocess.CalledProcessError):
        return "unknown"
    return head.stdout.strip() + ("+" if dirty.stdout.strip() else "")


def _result(machine: Machine, compiled: Compiled, run: MeshRun, golden_seconds: float) -> dict:
    """Counters as figures. Utilisations are fractions of what the whole mesh or all channels could
    do in `cycles`.
    """
    word_bytes, tiles = machine.tile.word_bytes, machine.mesh.tiles
    read, written = sum(run.words_read) * word_bytes, sum(run.words_written) * word_bytes
    active = run.total(Probe.MATRIX_ACTIVE)
    return {
        "machine": machine.name,
        "mesh": f"{machine.mesh.columns}x{machine.mesh.rows}",
        "dataflow": compiled.dataflow,
        "mapping": compiled.describe(),
        "cycles": run.cycles,
        "boot_cycles": run.boot_cycles,
        "microseconds": run.cycles / machine.clock_ghz / 1e3,
        "matrix_utilization": compiled.useful_macs / (run.cycles * machine.macs),
        "matrix_active_utilization": compiled.useful_macs / (active * machine.tile.macs)
        if active
        else 0.0,
        "vector_utilization": run.total(Probe.VECTOR_ACTIVE) / (run.cycles * tiles),
        "hbm_read_bytes": read,
        "hbm_write_bytes": written,
        "hbm_ideal_bytes": compiled.hbm_ideal_read_bytes + compiled.hbm_ideal_write_bytes,
        "hbm_bandwidth_utilization": (read + written) / (run.cycles * machine.hbm_bytes_per_cycle),
        "golden_seconds": golden_seconds,
        "build_seconds": run.build_seconds,
        "run_seconds": run.run_seconds,
        "peak_megabytes": run.megabytes,
        "kcycles_per_second": run.simulated_cycles / run.run_seconds / 1e3,
        **_stalls(run, tiles),
    }


def _stalls(run: MeshRun, tiles: int) -> dict:
    """Average share of the run that each engine spent in each state."""
    names = {
        "matrix_active": Probe.MATRIX_ACTIVE,
        "matrix_operand_stall": Probe.MATRIX_OPERAND_STALL,
        "matrix_drain_stall": Probe.MATRIX_DRAIN_STALL,
        "vector_busy": Probe.VECTOR_BUSY,
        "l1_conflict": Probe.L1_CONFLICT,
        "out_stall": Probe.OUT_STALL,
    }
    return {
        f"share_{name}": run.total(probe) / (run.cycles * tiles) for name, probe in names.items()
    }
