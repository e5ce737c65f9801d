"""What a GEMM takes in each tile: buffers in L1, and semaphores."""

from isa.errors import UserError
from isa.instructions import Format, Kind
from isa.machine import Machine, Tile
from programs.common.l1 import L1Buffers, row_words
from programs.common.semaphores import SemaphoreNumbers
from programs.gemm.mapping import GemmMapping
from programs.gemm.workload import Gemm

__all__ = ["GemmLayout", "GemmSemaphores"]


class GemmLayout(L1Buffers):
    """Where everything is in each L1; the same in all tiles, so that one read can serve many.

    All pitches are in words. ``words`` is what it takes in all.

    Raises
    ------
    UserError
        If a matrix is too wide for an instruction's fields.
    """

    def __init__(self, tile: Tile, workload: Gemm, mapping: GemmMapping):
        super().__init__(tile)
        fmt = workload.fmt
        self.a_pitch = row_words(tile, mapping.depth, fmt)
        self.b_pitch = row_words(tile, mapping.columns, fmt)
        self.out_pitch = row_words(tile, mapping.columns, workload.o_fmt)
        self.c_pitch = row_words(tile, mapping.columns, Format.FP32)
        for what, value, kind, field in (
            ("rows", mapping.rows, Kind.MATRIX, "m"),
            ("columns", mapping.columns, Kind.MATRIX, "n"),
            ("K of a panel", mapping.inner, Kind.MATRIX, "k"),
            ("words of a row of A", self.a_pitch, Kind.MATRIX, "lda"),
            ("words of a row of B", self.b_pitch, Kind.MATRIX, "ldb"),
            ("FP32 words of a row of C", self.c_pitch, Kind.MATRIX, "ldc"),
        ):
            self.check_limit(what, value, kind, field)
        self.refuse(
            mapping.depth - mapping.inner >= workload.k if mapping.split > 1 else False,
            lambda: (
                f"{mapping.split} tiles that share panels of {mapping.depth} need more than "
                f"K={workload.k}"
            ),
        )
        self.a = [self.take(mapping.rows * self.a_pitch) for _ in range(mapping.slots)]
        self.b = [self.take(mapping.inner * self.b_pitch) for _ in range(mapping.slots)]
        self.c = self.take(mapping.rows * self.c_pitch)
        stored = -(-mapping.rows // mapping.split)
        self.sum = self.take(stored * self.c_pitch) if mapping.split > 1 else self.c
        self.out = self.take(stored * self.out_pitch)


class GemmSemaphores(SemaphoreNumbers):
    """Numbers of a tile's semaphores, per slot of a panel or per strip of C. docs/dataflows.md has
    who signals and who waits.

    Raises
    ------
    UserError
        If the tile has too few, or a count could overflow.
    """

    SLOT = ("a_full", "a_free", "b_full", "b_free")
    RELAYED = ("a_read",)
    STRIP = ("c_ready", "out_full", "out_free", "stored")
    SUMMED = ("part_full", "sum_full", "sum_free")

    def __init__(self, machine: Machine, workload: Gemm, mapping: GemmMapping):
        tile = machine.tile
        slot = self.SLOT + self.RELAYED * mapping.relayed
        strip = self.STRIP + self.SUMMED * (mapping.split > 1)
        names = [("done", 0)]
        names += [(name, i) for name in slot for i in range(mapping.slots)]
        names += [(name, i) for name in strip for i in range(len(mapping.strips(tile, workload)))]
        super().__init__(tile, mapping.dataflow, names)
        across, up = mapping.group
        sharers = max(across, up) if mapping.cut == "grid" else across * up
        if sharers >= 1 << tile.semaphore_bits:
            raise UserError(
                f"{sharers} tiles that share a panel would overflow {tile.semaphore_bits}-bit "
                "semaphores"
            )
