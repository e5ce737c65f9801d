"""Cycles of compiled programs on a machine: the model's one way in."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from isa.geometry import TileXY
from isa.instructions import Queue
from isa.machine import Machine
from model.costs import laws_of
from model.decode import decode
from model.engine.run import simulate
from model.routes import Links
from programs.common.compiled import Compiled

__all__ = ["Prediction", "predict", "predict_images"]


@dataclass(frozen=True)
class Prediction:
    """What the model says of a run."""

    cycles: int
    matrix_active: float
    """Share of all tiles' cycles in which the array is at work."""
    vector_active: float
    """The same of the vector lanes."""
    vector_busy: float
    """The same of the vector engine, from a command to its end."""
    hbm_read_bytes: int
    hbm_write_bytes: int
    hbm_bandwidth_utilization: float
    events: int
    seconds: float


def predict(compiled: Compiled) -> Prediction:
    """Predict a compiled workload in the model."""
    images = {tile: program.words() for tile, program in compiled.programs.items()}
    return predict_images(compiled.machine, images)


def predict_images(machine: Machine, images: Mapping[TileXY, Sequence[int]]) -> Prediction:
    """Run program images, those that RTL and golden run, in the model."""
    started = time.perf_counter()
    decoded = decode(machine, images)
    laws, fabric = laws_of(machine), Links(machine).fabric()
    seen = simulate(decoded.code, decoded.paths, decoded.joins, fabric, laws)
    cycles = int(np.ceil(seen.cycles))
    tiles, word = machine.mesh.tiles, machine.tile.word_bytes
    read, written = int(seen.words_read.sum()) * word, int(seen.words_written.sum()) * word
    vector, busy = (
        float(values.reshape(tiles, -1)[:, Queue.VECTOR].sum() / tiles / cycles)
        for values in (seen.work_active, seen.busy)
    )
    return Prediction(
        cycles,
        float(seen.matrix_active.sum() / tiles / cycles),
        vector,
        busy,
        read,
        written,
        (read + written) / cycles / machine.hbm_bytes_per_cycle,
        seen.events,
        time.perf_counter() - started,
    )
