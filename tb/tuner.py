"""Choosing a mapping by trying: candidates by their estimate, cycles by the RTL."""

import hashlib
import json
import os
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from isa.formats import decode
from isa.machine import Machine
from isa.status import Probe
from programs.common.compiled import Compiled
from programs.compiler import compile_workload_mapping, estimate_workload, rank_workload
from programs.tensors import Tensors, load_workload
from tb.hardware import verilog
from tb.mesh import Settings, simulate
from tb.reference import fp64_result, same_precision_result
from tb.runner import ROOT

__all__ = ["Candidate", "candidates", "measure", "select"]

KEPT = ROOT / "build" / "tune" / "runs"


class Candidate(NamedTuple):
    """A mapping, and what the estimate says."""

    mapping: Any
    estimate: float

    @property
    def kind(self) -> tuple:
        """Candidates of one kind differ in sizes only."""
        return self.mapping.dataflow, self.mapping.group, getattr(self.mapping, "cut", "")

    @property
    def name(self) -> str:
        """Unique among the candidates of a workload."""
        return f"{self.mapping.dataflow} {self.group} {self.slice}, {self.mapping.slots} buffers"

    @property
    def group(self) -> str:
        """Its shape, and how it lies or is cut."""
        mapping = self.mapping
        folded = f"/{mapping.fold}" if getattr(mapping, "fold", 1) > 1 else ""
        cut = f" {mapping.cut}" if hasattr(mapping, "cut") else ""
        return f"{mapping.group[0]}x{mapping.group[1]}{folded}{cut}"

    @property
    def slice(self) -> str:
        """Rows and columns of a tile, and what else differs."""
        mapping = self.mapping
        if hasattr(mapping, "depth"):
            return f"{mapping.rows}x{mapping.columns}, k {mapping.depth}{', staggered' * mapping.staggered}"
        streams = "" if mapping.streams == 1 else ", 1 head" if mapping.paired else ", 2 heads"
        return f"{mapping.rows}x{mapping.columns}{streams}"


def candidates(
    machine: Machine, workload: Any, dataflow: str | None, decisions: dict[str, Any], most: int
) -> list[Candidate]:
    """Candidates that have what the user fixed, as the tiling rule ranks them: its first choice
    first, `most` in all.
    """
    ranked = rank_workload(machine, workload, dataflow, **decisions)[:most]
    return [Candidate(mapping, estimate_workload(machine, workload, mapping)) for mapping in ranked]


def select(ranked: Sequence[Candidate], top: int) -> list[Candidate]:
    """Choose `top` candidates to run: the first, the best of each kind for half of them, then the
    best of all.
    """
    first, by_estimate = ranked[0], sorted(ranked, key=lambda candidate: candidate.estimate)
    leaders = list({candidate.kind: candidate for candidate in reversed(by_estimate)}.values())
    leaders.sort(key=lambda candidate: candidate.estimate)
    chosen = dict.fromkeys([first, *leaders[: max(1, top // 2)], *by_estimate])
    return list(chosen)[:top]


def measure(
    machine: Machine, spec: str, dtypes: tuple[str, str, str], seed: int, mapping: Any
) -> dict:
    """Run a mapping on the RTL, or find the run that was made before.

    Runs are kept under build/tune, by all that they depend on: programs, contents of HBM, hardware,
    and latencies.

    Raises
    ------
    UserError
        If the machine stops.
    """
    dtype, p_dtype, o_dtype = dtypes
    tensors = load_workload(spec, dtype, seed, p_dtype, o_dtype)
    compiled = compile_workload_mapping(machine, tensors.workload, mapping)
    known = {
        "hbm_bytes": compiled.hbm_ideal_read_bytes + compiled.hbm_ideal_write_bytes,
        "l1_bytes": compiled.l1_bytes,
        "instructions": compiled.longest,
    }
    if compiled.longest > machine.tile.program_instructions:
        return {**known, "cycles": None}
    images = {tile: program.words() for tile, program in compiled.programs.items()}
    memory = tensors.scatter(compiled)
    path = KEPT / f"{_key(machine, images, memory)}.json"
    if path.exists():
        return {**known, **json.loads(path.read_text())}
    seen = _run(machine, tensors, compiled, images, memory)
    _write(path, seen)
    return {**known, **seen}


def _run(
    machine: Machine, tensors: Tensors, compiled: Compiled, images: dict, memory: list
) -> dict:
    last = max(len(content) for content in memory) // machine.tile.word_bytes - 1
    run = simulate(machine, images, memory, dump=(0, last), settings=Settings())
    out = decode(tensors.gather(compiled, run.hbm), tensors.workload.o_fmt)
    exact = fp64_result(tensors)
    error, floor = (
        float(np.abs(values - exact).max()) for values in (out, same_precision_result(tensors))
    )
    tiles = machine.mesh.tiles
    moved = (sum(run.words_read) + sum(run.words_written)) * machine.tile.word_bytes

    def share(probe: Probe) -> float:
        return run.total(probe) / (run.cycles * tiles)

    return {
        "cycles": run.cycles,
        "seconds": run.run_seconds,
        "within_error_bound": error <= 2 * floor,
        "matrix_utilization": compiled.useful_macs / (run.cycles * machine.macs),
        "hbm_utilization": moved / (run.cycles * machine.hbm_bytes_per_cycle),
        "matrix_active": share(Probe.MATRIX_ACTIVE),
        "vector_busy": share(Probe.VECTOR_BUSY),
        "l1_conflict": share(Probe.L1_CONFLICT),
    }


def _key(machine: Machine, images: dict, memory: list) -> str:
    digest = hashlib.sha256(f"{machine.hbm!r}{Settings()!r}".encode())
    for name, text in sorted(verilog(machine).items()):
        digest.update(f"{name} {text}".encode())
    for tile in sorted(images):
        digest.update(f"{tile} {list(images[tile])}".encode())
    for content in memory:
        digest.update(np.ascontiguousarray(content))
    return digest.hexdigest()[:24]


def _write(path: Path, result: dict) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.NamedTemporaryFile("w", dir=path.parent, delete=False) as scratch:
        json.dump(result, scratch)
    os.replace(scratch.name, path)
