"""One experiment: a workload compiled for a machine, run by the golden machine and by the RTL, and compared."""

import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from golden.attention import attention, online_attention
from golden.machine import GoldenMachine
from isa.errors import UserError
from isa.formats import FORMATS, decode
from isa.instructions import Format
from isa.machine import Machine
from isa.status import Probe
from programs.flat import compile_attention
from programs.placement import gather, scatter
from programs.workload import Workload, from_arrays, parse, random_tensors
from tb.mesh import MeshRun, Settings, simulate

__all__ = ["DTYPES", "Experiment", "Tensors", "commit", "load_workload", "run_experiment"]

DATA = Path(__file__).parent / "data"
REFERENCE_BLOCK = 64
"""Keys in a block of the same-precision online softmax that errors are compared with."""
DTYPES = {"fp16": Format.FP16, "bf16": Format.BF16, "e4m3": Format.E4M3, "e5m2": Format.E5M2}


@dataclass(frozen=True)
class Tensors:
    """A workload and its tensors, as FP32 arrays whose values the storage format holds exactly."""

    name: str
    workload: Workload
    q: NDArray[np.float32]
    k: NDArray[np.float32]
    v: NDArray[np.float32]


@dataclass
class Experiment:
    """Outcome: `result` is the flat object of ``result.json``; the rest is for pictures and messages."""

    result: dict
    run: MeshRun
    first_mismatch: str = ""
    notes: list[str] = field(default_factory=list)

    @property
    def passed(self) -> bool:
        """Every output bit equals golden, and the error is within twice that of the same-precision reference."""
        return self.result["bit_exact"] and self.result["error_vs_reference"] <= 2


def load_workload(spec: str, dtype: str, seed: int, p_dtype: str = "", o_dtype: str = "") -> Tensors:
    """Tensors of a named workload (``minilm``), a spec (``mha:S=512,D=64,H=4``, seeded data) or an ``.npz`` file.

    `p_dtype` and `o_dtype` are the formats of the probabilities and of the output; empty, they are `dtype`.

    Raises
    ------
    UserError
        If the workload or the format is unknown, or the file is not as it should be.
    """
    for variable, name in (("DTYPE", dtype), ("PTYPE", p_dtype or dtype), ("OTYPE", o_dtype or dtype)):
        if name not in DTYPES:
            raise UserError(f"{variable} must be one of {', '.join(DTYPES)}, not {name!r}")
    fmt = DTYPES[dtype]
    if spec == "minilm" or spec.endswith(".npz"):
        path = DATA / "minilm.npz" if spec == "minilm" else Path(spec)
        arrays = _read_npz(path)
        workload, q, k, v = from_arrays(*arrays, fmt)
    else:
        workload = parse(spec, fmt)
        q, k, v = random_tensors(workload, seed)
    workload = replace(workload, p_fmt=DTYPES[p_dtype or dtype], o_fmt=DTYPES[o_dtype or dtype])
    return Tensors(spec, workload, q, k, v)


def _read_npz(path: Path) -> list[NDArray]:
    try:
        with np.load(path, allow_pickle=False) as archive:
            missing = [name for name in "qkv" if name not in archive]
            if missing:
                raise UserError(f"WORKLOAD file {path}: must hold arrays q, k and v, has no {missing[0]}")
            return [archive[name] for name in "qkv"]
    except FileNotFoundError:
        raise UserError(f"WORKLOAD file {path}: no such file") from None
    except UserError:
        raise
    except Exception as error:  # zip, pickle and header faults have no common type
        raise UserError(f"WORKLOAD file {path}: not a readable .npz ({type(error).__name__})") from None


def run_experiment(
    machine: Machine,
    tensors: Tensors,
    dataflow: str | None,
    *,
    dtype: str,
    seed: int,
    overrides: dict | None = None,
    settings: Settings = Settings(),
    say: Callable[[str], None] = lambda _: None,
    progress: Callable[[int], None] | None = None,
    workdir: Path | None = None,
) -> Experiment:
    """Compile, run on golden and on the RTL, compare.

    Raises
    ------
    UserError
        If the workload cannot be compiled for the machine, or the machine stops (`tb.mesh.RunFailure`).
    """
    workload = tensors.workload
    compiled = compile_attention(machine, workload, dataflow, **(overrides or {}))
    say(compiled.describe())
    images = {tile: program.words() for tile, program in compiled.programs.items()}
    memory = scatter(compiled.plan, tensors.q, tensors.k, tensors.v)

    started = time.perf_counter()
    golden = GoldenMachine(machine, images, [content.copy() for content in memory])
    golden.run()
    golden_seconds = time.perf_counter() - started
    expected = gather(compiled.plan, [content.view(np.uint8).reshape(-1) for content in golden.hbm])
    say(f"golden machine: {golden_seconds:.1f} s")

    last = max(len(content) for content in memory) // machine.tile.word_bytes - 1
    run = simulate(machine, images, memory, dump=(0, last), settings=settings, progress=progress, workdir=workdir)
    seen = gather(compiled.plan, run.hbm)

    wrong = np.argwhere(seen != expected)
    inputs, seen_keys = (tensors.q, tensors.k, tensors.v), {"causal": workload.causal, "lengths": workload.lengths}
    exact = attention(*inputs, **seen_keys)
    formats = {"fmt": workload.fmt, "p_fmt": workload.p_fmt, "o_fmt": workload.o_fmt}
    online = online_attention(*inputs, block=REFERENCE_BLOCK, **formats, **seen_keys)
    values = decode(seen, workload.o_fmt)
    error, reference = _largest(values, exact), _largest(online, exact)
    result = _result(machine, compiled, run, golden_seconds)
    result.update(
        workload=tensors.name,
        dtype=dtype,
        p_dtype=workload.p_fmt.name.lower(),
        o_dtype=workload.o_fmt.name.lower(),
        seed=seed,
        commit=commit(),
        bit_exact=len(wrong) == 0,
        mismatches=len(wrong),
        max_abs_error=error,
        error_vs_reference=error / reference if reference else (0.0 if error == 0 else float("inf")),
    )
    return Experiment(result, run, _describe(wrong, seen, expected, workload.o_fmt))


def _largest(values: NDArray, exact: NDArray[np.float64]) -> float:
    """Largest absolute difference; where fp64 gives NaN or infinity, the same must be seen and counts as none."""
    special = ~np.isfinite(exact)
    same = np.isnan(values) & np.isnan(exact) | (values == exact)
    with np.errstate(invalid="ignore"):
        difference = np.where(special, np.where(same, 0.0, np.inf), np.abs(values.astype(np.float64) - exact))
    return float(np.nan_to_num(difference, nan=np.inf).max(initial=0.0))


def _describe(wrong: NDArray, seen: NDArray, expected: NDArray, fmt: Format) -> str:
    if not len(wrong):
        return ""
    index = tuple(wrong[0])
    digits = FORMATS[fmt].bytes * 2
    largest = np.abs(decode(seen, fmt).astype(np.float64) - decode(expected, fmt)).max()
    return (
        f"output differs from golden in {len(wrong)} of {seen.size} elements, first at (head, row, column) = "
        f"{tuple(map(int, index))}: expected {expected[index]:#0{digits + 2}x}, got {seen[index]:#0{digits + 2}x}; "
        f"largest difference {largest:.3g}"
    )


def commit() -> str:
    """The commit of the checkout, with ``+`` when files differ from it, or ``unknown`` outside git."""
    root = Path(__file__).parent
    try:
        head = subprocess.run(
            ["git", "rev-parse", "--short=12", "HEAD"], cwd=root, capture_output=True, text=True, check=True
        )
        dirty = subprocess.run(
            ["git", "status", "--porcelain", "-uno"], cwd=root, capture_output=True, text=True, check=True
        )
    except (OSError, subprocess.CalledProcessError):
        return "unknown"
    return head.stdout.strip() + ("+" if dirty.stdout.strip() else "")


def _result(machine: Machine, compiled, run: MeshRun, golden_seconds: float) -> dict:
    """Counters as figures. Utilisations are fractions of what the whole mesh or all channels could do in `cycles`."""
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
        "matrix_active_utilization": compiled.useful_macs / (active * machine.tile.macs) if active else 0.0,
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
    return {f"share_{name}": run.total(probe) / (run.cycles * tiles) for name, probe in names.items()}
