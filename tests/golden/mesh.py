"""Runs small programs, written as text, on small meshes of the golden machine."""

import numpy as np

from golden.machine import GoldenMachine
from isa.assembler import assemble
from isa.machine import MACHINES, Machine

MATMUL = "matmul a={} b={} c={} lda=1 ldb=1 ldc=1 m=4 n=4 k=4 fmt_a=fp16 fmt_b=fp16 {}"


def small(mesh: str, **tile) -> Machine:
    """The tiny machine with another mesh, and other tile parameters."""
    machine = MACHINES["tiny"].with_mesh(mesh)
    return machine.model_copy(update={"tile": machine.tile.model_copy(update=tile)})


def golden(
    machine: Machine | str, programs: str | dict, hbm: dict | None = None, seed: int | None = None
) -> GoldenMachine:
    """A machine about to run: one program for all tiles, or one for each; HBM contents by
    channel.
    """
    machine = small(machine) if isinstance(machine, str) else machine
    if isinstance(programs, str):
        programs = {
            (x, y): programs for x in range(machine.mesh.columns) for y in range(machine.mesh.rows)
        }
    images = {
        tile: assemble(text) if isinstance(text, str) else text for tile, text in programs.items()
    }
    empty = np.zeros(0, np.uint32)
    return GoldenMachine(
        machine, images, [(hbm or {}).get(c.index, empty) for c in machine.channels], seed=seed
    )


def run(
    machine: Machine | str, programs: str | dict, hbm: dict | None = None, seed: int | None = None
) -> GoldenMachine:
    """A machine that has run to its end."""
    result = golden(machine, programs, hbm, seed)
    result.run()
    return result


def read(
    machine: GoldenMachine, tile: tuple[int, int], word: int, count: int, dtype=np.float32
) -> np.ndarray:
    """`count` elements of a tile's L1 from a word on."""
    at = word * machine.machine.tile.word_bytes
    return machine.l1[tile][at : at + count * np.dtype(dtype).itemsize].view(dtype)


def write(machine: GoldenMachine, tile: tuple[int, int], word: int, values: np.ndarray) -> None:
    """Put elements into a tile's L1 from a word on."""
    raw = np.ascontiguousarray(values).reshape(-1).view(np.uint8)
    at = word * machine.machine.tile.word_bytes
    machine.l1[tile][at : at + len(raw)] = raw


def queues(**code):
    """A program text of what each queue runs."""
    return "".join(
        f".queue {queue}\n" + "\n".join(lines) + "\nhalt\n" for queue, lines in code.items()
    )
