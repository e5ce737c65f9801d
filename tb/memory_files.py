"""The files through which a simulation's HBM channels are filled and read back: hexadecimal words,
one a line.
"""

import binascii
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from isa.errors import UserError
from isa.machine import Machine
from tb.files import write
from tb.runner import SimulationFailure

__all__ = ["hex_lines", "image_bytes", "read_memory", "write_memory"]


def write_memory(
    machine: Machine,
    images: Mapping[tuple[int, int], Sequence[int]],
    hbm: Sequence[NDArray[np.uint8]],
    workdir: Path,
) -> tuple[int, int]:
    """Write every channel's file, data from word 0 up and program images at its end.

    Returns the word address of the images and the words of each.

    Raises
    ------
    UserError
        If images and data do not fit a channel, or an image does not fit the program memory.
    """
    word_bytes, channels = machine.tile.word_bytes, len(machine.channels)
    slots = max(len(image) for image in images.values())
    if slots > machine.tile.program_instructions:
        raise UserError(
            f"the program needs {slots} instruction slots, the tile has "
            f"program_instructions={machine.tile.program_instructions}"
        )
    words = -(-slots * 32 // word_bytes)
    turns = -(-machine.mesh.tiles // channels)
    at = machine.channel_words - turns * words
    for index in range(channels):
        used = len(hbm[index]) // word_bytes
        if used > at:
            raise UserError(
                f"HBM channel {index} needs {used + turns * words} words of {word_bytes} B, it has "
                f"{machine.channel_words}"
            )
        text = hex_lines(hbm[index], word_bytes)
        for turn in range(turns):
            tile = turn * channels + index
            if tile >= machine.mesh.tiles:
                break
            image = images[tile % machine.mesh.columns, tile // machine.mesh.columns]
            raw = np.frombuffer(image_bytes(image, words * word_bytes), np.uint8)
            text += f"@{at + turn * words:x}\n".encode() + hex_lines(raw, word_bytes)
        write(workdir / f"hbm_{index}.hex", text)
    return at, words


def image_bytes(image: Sequence[int], size: int) -> bytes:
    """The slots of an image as they are in memory, padded to `size` bytes."""
    return b"".join(slot.to_bytes(32, "little") for slot in image).ljust(size, b"\0")


def hex_lines(content: NDArray[np.uint8], word_bytes: int) -> bytes:
    """Text of whole words, a line each, the last byte first."""
    words = np.ascontiguousarray(content).reshape(-1, word_bytes)[:, ::-1]
    digits = np.frombuffer(binascii.hexlify(words.tobytes()), np.uint8).reshape(-1, 2 * word_bytes)
    return np.hstack([digits, np.full((len(digits), 1), ord("\n"), np.uint8)]).tobytes()


def read_memory(path: Path, word_bytes: int) -> NDArray[np.uint8]:
    """Bytes of a channel's file, in order.

    Raises
    ------
    SimulationFailure
        If there is no such file, or it ends within a word.
    """
    try:
        lines = [line for line in path.read_text().split() if not line.startswith(("/", "@"))]
    except OSError as error:
        raise SimulationFailure(f"the simulation left no {path.name}") from error
    whole = 2 * word_bytes
    if not lines:
        raise SimulationFailure(f"{path}: is empty: cut short")
    if short := [line for line in lines if len(line) != whole]:
        raise SimulationFailure(f"{path}: a word of {len(short[0])} digits, not {whole}: cut short")
    words = np.frombuffer(binascii.unhexlify("".join(lines)), np.uint8).reshape(-1, word_bytes)
    return words[:, ::-1].reshape(-1)
