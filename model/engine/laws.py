"""What things cost, as the core takes it."""

from typing import NamedTuple

__all__ = ["Laws"]


class Laws(NamedTuple):
    """Cycles of what is not in the tables; see `model.costs` for where each comes from."""

    start: float
    """From the start to the first fetch, and from the last activity to the cycle that counts it."""
    port: float
    """Cycles for which a fetch has the program memory of a tile to itself."""
    fetch: float
    """From a fetch to the first wait or the command, if no register is added."""
    scalar: float
    """From a fetch to the next one, of a scalar instruction."""
    wait: float
    """Of a wait that need not wait; of a register that is added."""
    signal: float
    """From done to the wait that sees it."""
    remote: float
    """From done to a remote signal's entry into the network."""
    outstanding: int
    """Commands that can be with an engine."""
    eject: float
    """From the queue of the tile to the wait that sees the bump."""
    ejected: float
    """From the queue of the tile to the last activity of a flit."""
    flush: int
    """From a flit of a tile to the next, and what a bump waits for words of another stream."""
    patience: int
    """Cycles without a word after which those that wait for more are written."""
    request: float
    """From a READ's command to its request's entry into the network."""
    move: float
    """From the command to the first flit's entry into the network."""
    results_waiting: int
    """Results that a router of the reduction network may have on their way to an output."""
    word_cycles: float
    """Cycles of a channel for a word."""
    ahead: float
    """Cycles by which a channel that was idle is ahead of that."""
    latency: float
    """From a read's arrival to its first word's entry into the network."""
    write: float
    """From a word's arrival to its write, at least."""
    send: float
    """From the access to the entry into the network."""
    output: int
    """Words on their way from a channel's memory to the network."""
    reads: int
    """Reads that a channel has waiting before the network's queue holds the next one."""
    writes: int
    """Words likewise."""
    rows: int
    """Matrix engine: rows of a block."""
    width: int
    """Columns of a block, and steps of a chunk."""
    columns: int
    """Columns of a group."""
    pipeline: int
    """Least cycles of a step."""
    first: float
    """Cycles from a line's read to the step that uses it."""
    pieces: float
    """Cycles that a line of results takes."""
    results: float
    """From the last step of a block to the first cycle of its drain."""
    filling: float
    """From the first line of C to the first step, but for `pieces` a line."""
    buffer: float
    """Lines that work has read ahead."""
    banks: int
    """Words of a line."""
