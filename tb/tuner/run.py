"""The run of a mapping on the RTL, made once for all that it depends on."""

import hashlib
import json
from typing import Any

import numpy as np

from isa.formats import decode
from isa.machine import Machine
from isa.status import Probe
from programs.common.compiled import Compiled
from programs.compiler import compile_workload_mapping
from programs.tensors import Tensors, load_workload
from tb.accuracy import judge
from tb.files import write_json
from tb.hardware import verilog
from tb.mesh import Settings, simulate
from tb.runner import ROOT

__all__ = ["facts_of", "measure"]

KEPT = ROOT / "build" / "tune" / "runs"


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
    known = facts_of(compiled)
    if compiled.longest > machine.tile.program_instructions:
        return {**known, "cycles": None}
    images = {tile: program.words() for tile, program in compiled.programs.items()}
    memory = tensors.scatter(compiled)
    path = KEPT / f"{_key(machine, images, memory)}.json"
    if path.exists():
        return {**known, **json.loads(path.read_text())}
    seen = _run(machine, tensors, compiled, images, memory)
    write_json(path, seen, indent=None)
    return {**known, **seen}


def _run(
    machine: Machine, tensors: Tensors, compiled: Compiled, images: dict, memory: list
) -> dict:
    last = max(len(content) for content in memory) // machine.tile.word_bytes - 1
    run = simulate(machine, images, memory, dump=(0, last), settings=Settings())
    out = decode(tensors.gather(compiled, run.hbm), tensors.workload.o_fmt)
    tiles = machine.mesh.tiles
    moved = (sum(run.words_read) + sum(run.words_written)) * machine.tile.word_bytes

    def share(probe: Probe) -> float:
        return run.total(probe) / (run.cycles * tiles)

    return {
        "cycles": run.cycles,
        "seconds": run.run_seconds,
        "within_error_bound": judge(out, tensors).passed,
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
        digest.update(np.ascontiguousarray(content).data)
    return digest.hexdigest()[:24]


def facts_of(compiled: Compiled) -> dict:
    """What is known of a mapping before it runs: bytes of HBM and L1, instructions of a tile."""
    return {
        "hbm_bytes": compiled.hbm_ideal_read_bytes + compiled.hbm_ideal_write_bytes,
        "l1_bytes": compiled.l1_bytes,
        "instructions": compiled.longest,
    }
