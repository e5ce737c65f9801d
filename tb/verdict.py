"""Whether two machines agree after a program text, and whether they hold what the text expects."""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from isa.instructions import Queue
from isa.status import ErrorCode
from isa.words import counted
from programs.text.blocks import Block
from programs.text.listing import Listing
from tb.run_program import Failure, State

__all__ = ["blocks_in", "differences", "differing_words", "remarks", "unmet"]

_MOST = 20
"""Differences of a kind that are listed."""


def blocks_in(block: Block, state: State) -> Iterator[tuple[str, np.ndarray]]:
    """The places of a block, named, and its elements there."""
    if isinstance(block.place, int):
        yield f"HBM channel {block.place}", _elements(block, state.hbm[block.place])
        return
    for x, y in block.place:
        yield f"L1 of tile ({x},{y})", _elements(block, state.l1[x, y])


def _elements(block: Block, memory: np.ndarray) -> np.ndarray:
    missing = block.end * block.word_bytes - len(memory)
    return block.view(np.pad(memory, (0, max(0, missing))))


def remarks(listing: Listing, state: State) -> list[str]:
    """One line for each block of the text whose values its format did not hold, and for each
    expected or shown one in which there are NaN or infinities.
    """
    lines = []
    for block in (*listing.contents, *listing.expected):
        if lost := str(block.rounding):
            lines.append(f"{listing.at(block.line)}: {block.title}: {lost}")
    for block in listing.expected:
        lines += _special(listing, block, "expected values", block.bits)
    told = {block.title for block in listing.expected}
    for block in (one for one in listing.shown if one.title not in told):
        for where, seen in blocks_in(block, state):
            lines += _special(listing, block, where, seen)
    return lines


def _special(listing: Listing, block: Block, what: str, bits: NDArray | None) -> Iterator[str]:
    """How many of them are no numbers, or infinite."""
    nan, infinite = block.special(bits)
    if nan or infinite:
        counts = [f"{nan:,} NaN"] * bool(nan) + [f"{infinite:,} infinite"] * bool(infinite)
        yield (
            f"{listing.at(block.line)}: {block.title}, {what}: {' and '.join(counts)} of "
            f"{counted(block.rows * block.columns, 'element')}"
        )


def unmet(listing: Listing, state: State) -> list[str]:
    """One line for each expectation that a machine does not meet."""
    lines = []
    for block in listing.expected:
        assert block.bits is not None
        for where, seen in blocks_in(block, state):
            wrong = np.argwhere(seen != block.bits)
            if len(wrong):
                each = seen.shape[1] // block.columns
                row, column = int(wrong[0][0]), int(wrong[0][1]) // each
                expected = block.texts(block.bits)[row][column]
                got = block.texts(seen)[row][column]
                digits = "" if block.fmt is None else _bits(block.bits, seen, row, column)
                lines.append(
                    f"{listing.at(block.line)}: {block.title}, {where}: row {row} column {column} "
                    f"must be {expected}, {state.machine} has {got}{digits}; "
                    f"{len({(r, c // each) for r, c in wrong.tolist()})} of "
                    f"{block.rows * block.columns} differ"
                )
    for count in listing.counts:
        name = listing.named(f"semaphore {count.semaphore}")
        for x, y in count.tiles:
            if (has := state.semaphores[x, y][count.semaphore]) != count.value:
                lines.append(
                    f"{listing.at(count.line)}: {name} of tile ({x},{y}) must be {count.value}, "
                    f"{state.machine} has {has}"
                )
    return lines


def _bits(bits: NDArray, seen: NDArray, row: int, column: int) -> str:
    width = 2 + 2 * seen.dtype.itemsize
    return f" ({int(bits[row, column]):#0{width}x}, {int(seen[row, column]):#0{width}x})"


def differences(listing: Listing, golden: State, rtl: State) -> list[str]:
    """One line for each thing in which the two machines differ.

    After an error or a deadlock only that is compared: what the rest had done by then is up to
    timing.
    """
    if golden.failure or rtl.failure:
        return _failures(golden.failure, rtl.failure)
    word_bytes = listing.machine.tile.word_bytes
    lines = []
    for tile in rtl.l1:
        where = f"L1 of tile ({tile[0]},{tile[1]})"
        lines += differing_words(where, golden.l1[tile], rtl.l1[tile], word_bytes)
    for channel, (ours, theirs) in enumerate(zip(golden.hbm, rtl.hbm, strict=True)):
        size = min(len(ours), len(theirs))
        lines += differing_words(f"HBM channel {channel}", ours[:size], theirs[:size], word_bytes)
    lines += _counts(listing, golden, rtl)
    names = ("read from", "written to")
    for name, expected, seen in zip(names, golden.hbm_words, rtl.hbm_words, strict=True):
        lines += [
            f"words {name} HBM channel {channel}: golden {a}, RTL {b}"
            for channel, (a, b) in enumerate(zip(expected, seen, strict=True))
            if a != b
        ]
    return lines


def differing_words(where: str, golden: np.ndarray, rtl: np.ndarray, word_bytes: int) -> list[str]:
    """One line for each of the first words of a memory that differ."""
    ours, theirs = golden.reshape(-1, word_bytes), rtl.reshape(-1, word_bytes)
    wrong = np.flatnonzero((ours != theirs).any(axis=1))
    lines = [
        f"{where}, word {word:#x}: golden 0x{ours[word, ::-1].tobytes().hex()}, "
        f"RTL 0x{theirs[word, ::-1].tobytes().hex()}"
        for word in wrong[:_MOST].tolist()
    ]
    more = len(wrong) - len(lines)
    return [*lines, f"{where}: and {counted(more, 'more word')}"] if more else lines


def _counts(listing: Listing, golden: State, rtl: State) -> Iterator[str]:
    """Semaphores and executed instructions."""
    for x, y in listing.tiles:
        pairs = zip(golden.semaphores[x, y], rtl.semaphores[x, y], strict=True)
        for semaphore, (ours, theirs) in enumerate(pairs):
            if ours != theirs:
                name = listing.named(f"semaphore {semaphore}")
                yield f"{name} of tile ({x},{y}): golden {ours}, RTL {theirs}"
        for queue in Queue:
            ours, theirs = (state.executed[(x, y), queue] for state in (golden, rtl))
            if rtl.l1 and ours != theirs:  # another's need not count
                where = f"tile ({x},{y}) queue {queue.name.lower()}"
                yield f"instructions of {where}: golden {ours}, RTL {theirs}"


def _failures(golden: Failure | None, rtl: Failure | None) -> list[str]:
    """Whether both stopped for the same reason."""
    if golden is None or rtl is None:
        ended, stopped = ("golden", "the RTL") if golden is None else ("the RTL", "golden")
        return [f"{ended} came to its end, {stopped} did not"]
    if golden.error and rtl.error:
        # Of errors in several tiles, the golden machine does not know which comes first.
        agree = golden.error[1] != rtl.error[1] or golden.error == rtl.error
        return [] if agree else [f"golden: {golden.text}; the RTL: {rtl.text}"]
    incomplete = rtl.error and rtl.error[0] == ErrorCode.REDUCE_INCOMPLETE
    if golden.kind == "deadlock" and (incomplete or golden.waiting == rtl.waiting):
        return []
    return [f"golden: {golden.text}; the RTL: {rtl.text}"]
