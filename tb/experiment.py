"""One experiment: a workload compiled for a machine, run by the golden machine and by the RTL, and
compared.
"""

import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from golden.machine import GoldenMachine
from isa.formats import FORMATS, decode
from isa.instructions import Format
from isa.machine import Machine
from isa.status import Probe
from programs.common.compiled import Compiled
from programs.compiler import compile_workload
from programs.tensors import Tensors
from tb.hardware import Design
from tb.mesh import MeshRun, Settings, simulate
from tb.reference import fp64_result, same_precision_result

__all__ = [
    "Experiment",
    "commit",
    "largest_error",
    "run_experiment",
]


@dataclass
class Experiment:
    """Outcome: `result` is the flat object of ``result.json``; the rest is for pictures and
    messages.
    """

    result: dict
    run: MeshRun
    first_mismatch: str = ""
    notes: list[str] = field(default_factory=list)

    @property
    def passed(self) -> bool:
        """Every output bit equals golden, and the error is within twice that of the same-precision
        reference.
        """
        return self.result["bit_exact"] and self.result["error_vs_reference"] <= 2


def run_experiment(
    machine: Machine,
    tensors: Tensors,
    dataflow: str | None,
    *,
    dtype: str,
    seed: int,
    overrides: dict | None = None,
    settings: Settings = Settings(),
    design: Design | None = None,
    say: Callable[[str], None] = lambda _: None,
    progress: Callable[[int], None] | None = None,
    workdir: Path | None = None,
) -> Experiment:
    """Compile, run on golden and on the RTL (or on another `design`), compare.

    Raises
    ------
    UserError
        If the workload cannot be compiled for the machine, or the machine stops
        (`tb.mesh.RunFailure`).
    """
    compiled = compile_workload(machine, tensors.workload, dataflow, **(overrides or {}))
    say(compiled.describe())
    images = {tile: program.words() for tile, program in compiled.programs.items()}
    memory = tensors.scatter(compiled)

    started = time.perf_counter()
    golden = GoldenMachine(machine, images, [content.copy() for content in memory])
    golden.run()
    golden_seconds = time.perf_counter() - started
    expected = tensors.gather(
        compiled, [content.view(np.uint8).reshape(-1) for content in golden.hbm]
    )
    say(f"golden machine: {golden_seconds:.1f} s")

    last = max(len(content) for content in memory) // machine.tile.word_bytes - 1
    run = simulate(
        machine,
        images,
        memory,
        dump=(0, last),
        settings=settings,
        design=design,
        progress=progress,
        workdir=workdir,
    )
    seen = tensors.gather(compiled, run.hbm)

    wrong = np.argwhere(seen != expected)
    exact, fmt = fp64_result(tensors), tensors.workload.o_fmt
    values = decode(seen, fmt)
    error = largest_error(values, exact)
    reference = largest_error(same_precision_result(tensors), exact)
    result = _result(machine, compiled, run, golden_seconds)
    result.update(
        workload=tensors.name,
        dtype=dtype,
        **tensors.dtypes,
        seed=seed,
        commit=commit(),
        bit_exact=len(wrong) == 0,
        mismatches=len(wrong),
        max_abs_error=error,
        error_vs_reference=error / reference
        if reference
        else (0.0 if error == 0 else float("inf")),
    )
    return Experiment(result, run, _describe(wrong, seen, expected, fmt, tensors.axes))


def largest_error(values: NDArray, exact: NDArray[np.float64]) -> float:
    """Largest absolute difference; where fp64 gives NaN or infinity, the same must be seen and
    counts as none.
    """
    special = ~np.isfinite(exact)
    same = np.isnan(values) & np.isnan(exact) | (values == exact)
    with np.errstate(invalid="ignore"):
        difference = np.where(
            special, np.where(same, 0.0, np.inf), np.abs(values.astype(np.float64) - exact)
        )
    return float(np.nan_to_num(difference, nan=np.inf).max(initial=0.0))


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
