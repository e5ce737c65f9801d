"""What programs about edges have in common: every L1 is filled to the last word before, and stored
to the last word after.
"""

from collections.abc import Callable
from itertools import product

import numpy as np
from numpy.typing import NDArray

from isa.errors import UserError
from isa.geometry import TileXY
from isa.image import Program
from isa.instructions import Instruction, Opcode, Queue
from isa.machine import Machine
from programs.common.code import Code
from verify.conformance.extremes import MOST, Extent, common_ends, ends
from verify.conformance.tile_network import Arrival
from verify.conformance.tile_stores import Stores, at

__all__ = ["LOADED", "STORED", "EdgeBench"]

LOADED, STORED = 29, 30
"""Semaphores that no experiment takes."""
_HERE, _ON = 27, 28
"""Those of `EdgeBench.meet`."""
_BYTES = np.arange(0x30, 0x48, dtype=np.uint8)
"""Bytes that are a finite number of middling size in every format, wherever it begins."""


class _Code(Code):
    """Programs whose reductions are kept in order by tokens, one at a time: the compilers' rules,
    which look at each queue alone, are stricter.
    """

    def programs(self) -> dict[TileXY, Program]:
        halt = Instruction.of(Opcode.HALT)
        programs = {
            tile: Program({queue: [*code, halt] for queue, code in queues.items()})
            for tile, queues in self._queues.items()
        }
        for program in programs.values():
            program.check()
        return programs


class EdgeBench:
    """Programs of a mesh while they grow.

    Parameters
    ----------
    machine
        With at least as many semaphores as these programs name.
    seed
        Of the contents of L1, and of `rng`.

    Attributes
    ----------
    rng, tiles, code, stores
        What draws; all tiles; their programs; what is written behind the contents in HBM.
    """

    def __init__(self, machine: Machine, seed: int):
        if machine.tile.semaphores <= STORED:
            raise UserError(
                f"programs about edges need {STORED + 1} semaphores, the tile has "
                f"{machine.tile.semaphores}"
            )
        self.machine = machine
        self.rng = np.random.default_rng((seed, *b"bench"))
        mesh = machine.mesh
        self.tiles: list[TileXY] = list(product(range(mesh.columns), range(mesh.rows)))
        self.code = _Code(machine)
        self.stores = Stores(machine, self.rng, STORED)
        self.stores.ends = [machine.tile.l1_words for _ in machine.channels]

    def adder(self, tile: TileXY, queue: Queue) -> Callable:
        """`Code.add` of a queue."""
        return lambda opcode, **fields: self.code.add(tile, queue, opcode, **fields)

    def fill(self) -> None:
        """Load one image to all L1s: in one row as long as there may be, and the rest; OUT knows
        when it is there.
        """
        mesh, words = self.machine.mesh, self.machine.tile.l1_words
        most = min(words, ends(Opcode.LOAD, "words", self.machine)[MOST])
        whole = {"x0": 0, "y0": 0, "x1": mesh.columns - 1, "y1": mesh.rows - 1}
        channel = self.machine.channels[-1]
        load = self.adder(self.tiles[0], Queue.LOAD)
        for start in range(0, words, most):
            place = {"local": start, "remote": start, "words": min(most, words - start)}
            load(Opcode.LOAD, rows=1, **place, **whole, **at(channel), bump=1, sem=LOADED)
        for tile in self.tiles:
            self.adder(tile, Queue.OUT)(Opcode.SYNC, waits=[(LOADED, -(-words // most))])

    def meet(self, queue: Queue) -> None:
        """No tile's queue goes on before all are here."""
        hub = self.tiles[0]
        for tile in self.tiles:
            self.adder(tile, queue)(Opcode.SYNC, tell=(_HERE, hub))
        lead, most = self.adder(hub, queue), common_ends("wait0_count", self.machine)[MOST]
        for start in range(0, len(self.tiles), most):
            lead(Opcode.SYNC, waits=[(_HERE, min(most, len(self.tiles) - start))])
        for tile in self.tiles:
            lead(Opcode.SYNC, tell=(_ON, tile))
        for tile in self.tiles:
            self.adder(tile, queue)(Opcode.SYNC, waits=[(_ON, 1)])

    def store(self, add: Callable, address: int, extent: Extent, **first: object) -> int:
        """STORE what an address points to, `first` in its common fields; returns the
        acknowledgements.
        """
        rows = extent.rows if extent.pitch else 1
        block = Arrival(address, extent.pitch if rows > 1 else 0, rows, extent.words)
        self.stores.one(lambda opcode, **f: add(opcode, **f, **first), block, True)
        return 1

    def store_all(self, tile: TileXY) -> None:
        """STORE the L1, every word."""
        words, add = self.machine.tile.l1_words, self.adder(tile, Queue.OUT)
        row = next(w for w in range(min(words, 4095), 0, -1) if words % w == 0 and w < 1024)
        self.store(add, 0, Extent(row, words // row, row))
        add(Opcode.SYNC, waits=[(STORED, 1)])

    def finish(self) -> tuple[dict[TileXY, Program], list[NDArray[np.uint8]]]:
        """Programs, and the HBM they start from: another image in each channel, and room behind.

        Raises
        ------
        UserError
            If a program is too long for the machine.
        """
        programs = self.code.programs()
        longest, room = max(map(len, programs.values())), self.machine.tile.program_instructions
        if longest > room:
            raise UserError(f"a program about edges takes {longest} slots, the tile has {room}")
        word = self.machine.tile.word_bytes
        hbm = []
        for end in self.stores.ends:
            content = np.zeros(end * word, np.uint8)
            size = self.machine.tile.l1_bytes
            signs = self.rng.integers(0, 2, size, np.uint8) << 7
            content[:size] = self.rng.choice(_BYTES, size) | signs
            hbm.append(content)
        return programs, hbm
