"""What the stages of the matrix engine hand to each other."""

from amaranth import Cat, Mux, Value
from amaranth.lib import data

from isa.instructions import Format
from isa.machine import Tile

__all__ = [
    "block_layout",
    "chunk_layout",
    "is_narrow",
    "read_layout",
    "result_words",
    "slot_layout",
    "tag_layout",
]


def is_narrow(fmt: Value) -> Value:
    """Whether elements of a format have 8 bits."""
    return (fmt == Format.E4M3) | (fmt == Format.E5M2)


def block_layout(tile: Tile) -> data.StructLayout:
    """A block of C, matrix_rows x line_elements at most: from the loader to the results."""
    return data.StructLayout(
        {
            "addr": 16,  # L1 word of the block's first element
            "pitch": 10,  # words from a row to the next
            "rows": range(tile.matrix_rows + 1),
            "columns": range(tile.line_elements + 1),
            "accumulate": 1,
            "final": 1,  # the last block of its instruction
        }
    )


def chunk_layout(tile: Tile) -> data.StructLayout:
    """The operands of up to line_elements steps of k of one block: from the loader to the
    stepper.
    """
    return data.StructLayout(
        {
            "last_step": range(tile.line_elements),
            "last_group": range(tile.column_groups),
            "first": 1,  # the first chunk of its block
            "last": 1,
            "accumulate": 1,
            "transposed": 1,
            "fmt_a": 3,
            "fmt_b": 3,
        }
    )


def slot_layout(tile: Tile) -> data.StructLayout:
    """What the array does in one cycle: step k of column group g."""
    return data.StructLayout(
        {
            "k": range(tile.line_elements),
            "group": range(tile.column_groups),
            "bank": 1,  # of the accumulators
            "buffer": 1,  # of the operands
            "clear": 1,  # start from +0
            "step": 1,  # the first group of this k
            "load": 1,  # the first k of this chunk, too
            "final": 1,  # the last slot of its block
            "transposed": 1,
            "fmt_a": 3,
            "fmt_b": 3,
        }
    )


def tag_layout(tile: Tile) -> data.StructLayout:
    """What the line that an operand read returns is for."""
    return data.StructLayout(
        {
            "b": 1,  # a line of B, not of A
            "index": range(max(tile.line_elements, tile.matrix_rows)),  # row of A, line of B
            "last": 1,  # of the chunk
            "upper": 1,  # the chunk's 8-bit elements are in the upper half of the line
        }
    )


def read_layout(tile: Tile) -> data.StructLayout:
    """A read of words of L1: see `L1Request`."""
    return data.StructLayout({"addr": 16, "mask": tile.l1_banks})


def result_words(tile: Tile, columns: Value, half: Value) -> Value:
    """Mask of the words of the lower or upper half of a row that hold any of a block's columns."""
    return Cat(
        columns > Mux(half, tile.line_elements // 2, 0) + word * (tile.link_bits // 32)
        for word in range(tile.l1_banks)
    )
