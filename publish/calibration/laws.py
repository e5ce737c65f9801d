"""The laws that the microbenchmarks hold the model to."""

from typing import NamedTuple

__all__ = ["LAWS", "Law"]


class Law(NamedTuple):
    """A law of time."""

    mechanism: str
    where: str
    """File in which it is written."""


LAWS: dict[str, Law] = {
    "queue": Law(
        "fetch, scalar instructions, loops, waits, signals to this tile and to others",
        "model/engine/sequencer.py",
    ),
    "product": Law(
        "a row of A each, lines of B, a step for each group of columns, drain behind the last",
        "model/engine/matrix.py, isa/timing.py",
    ),
    "vector": Law(
        "a chunk of lanes a cycle, depth of the operation, lines of two operands",
        "isa/timing.py",
    ),
    "move": Law("start, a line of L1 at a time, a flit a cycle, a cycle a hop", "isa/timing.py"),
    "multicast": Law(
        "forks whose copies leave one by one, inputs in turns", "model/engine/network.py"
    ),
    "reduction": Law(
        "sets that join when all heads are there, stages of the adders, a turn at the root",
        "isa/timing.py, model/engine/joins.py",
    ),
    "read": Law(
        "latency, then a word whenever the bandwidth has paid for it",
        "isa/timing.py, model/engine/channel.py",
    ),
    "write": Law("words in turns with those that are read", "model/engine/channel.py"),
    "shared L1": Law(
        "arriving words, what leaves, the matrix engine, then the lanes, by the banks of each",
        "model/engine/work.py, model/engine/matrix.py",
    ),
    "channel under load": Law(
        "queues of requests, of words to write, of words on their way out",
        "model/engine/channel.py",
    ),
}
"""By name, in the order of the table."""
