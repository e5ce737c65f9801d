"""What an L1 does with an access, for engines that are tested without one."""

import numpy as np

from isa.machine import Tile

__all__ = ["serve"]


def serve(memory: np.ndarray, tile: Tile, request, *, line: int = 0) -> int:
    """Do an access to `memory`, bytes of an L1; return the line that it answers.

    `request` is an `L1Request` as the simulator gives it; words that it does not mask in are those
    of `line`.
    """
    assert request.mask, f"an access to word {request.addr} without words"
    size = tile.word_bytes
    given = (request.data if request.write else line).to_bytes(tile.line_bytes, "little")
    data = np.frombuffer(bytearray(given), np.uint8)
    for bank in range(tile.l1_banks):
        if request.mask >> bank & 1:
            at = (request.addr + bank) * size
            there, here = memory[at : at + size], data[bank * size : (bank + 1) * size]
            if request.write:
                there[:] = here
            else:
                here[:] = there
    return int.from_bytes(data.tobytes(), "little")
