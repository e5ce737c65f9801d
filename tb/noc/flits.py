"""Flits as NumPy arrays: one row of 32-bit words a flit, packed and unpacked by the layouts of the
hardware.
"""

import numpy as np
from amaranth.lib import data
from numpy.typing import ArrayLike, NDArray

__all__ = ["Packing"]


class Packing:
    """Packs many flits of a layout at a time. Word 0 holds bits 0 to 31.

    Parameters
    ----------
    layout : StructLayout
        The flit.
    """

    def __init__(self, layout: data.StructLayout):
        self.fields = {name: (field.offset, field.width) for name, field in layout}
        self.words = -(-layout.size // 32)

    def pack(self, count: int, **fields: ArrayLike) -> NDArray[np.uint32]:
        """Return `count` flits. Fields of up to 32 bits are given as numbers, wider ones as rows of
        32-bit words; others are 0.
        """
        flits = np.zeros((count, self.words), np.uint32)
        for name, value in fields.items():
            self.put(flits, name, value)
        return flits

    def put(self, flits: NDArray[np.uint32], name: str, value: ArrayLike) -> None:
        """Set a field of all `flits`, which must be 0 there."""
        offset, width = self.fields[name]
        if width > 32:
            assert offset % 32 == 0 and width % 32 == 0
            flits[:, offset // 32 : (offset + width) // 32] = value
            return
        value = np.asarray(value, np.uint64)
        assert not (value >> np.uint64(width)).any(), f"{name} does not fit in {width} bits"
        shifted = np.broadcast_to(value << np.uint64(offset % 32), len(flits))
        flits[:, offset // 32] |= shifted.astype(np.uint32)
        if offset % 32 + width > 32:
            flits[:, offset // 32 + 1] |= (shifted >> np.uint64(32)).astype(np.uint32)

    def clear(self, flits: NDArray[np.uint32], name: str) -> None:
        """Set a field of up to 32 bits of all `flits` to 0."""
        offset, width = self.fields[name]
        mask = ((1 << width) - 1) << offset % 32
        flits[:, offset // 32] &= np.uint32(~mask & 0xFFFFFFFF)
        if mask >> 32:
            flits[:, offset // 32 + 1] &= np.uint32(~(mask >> 32) & 0xFFFFFFFF)

    def get(self, flits: NDArray[np.uint32], name: str) -> NDArray:
        """Return a field of all `flits`."""
        offset, width = self.fields[name]
        if width > 32:
            return flits[:, offset // 32 : (offset + width) // 32]
        low = flits[:, offset // 32].astype(np.uint64) >> np.uint64(offset % 32)
        if offset % 32 + width > 32:
            low |= flits[:, offset // 32 + 1].astype(np.uint64) << np.uint64(32 - offset % 32)
        return (low & np.uint64((1 << width) - 1)).astype(np.int64)
