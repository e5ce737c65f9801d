"""Faults that no program can show, with the proof; they are not run."""

from typing import NamedTuple

from verify.mutants.mutation import Mutation

__all__ = ["UNSEEN", "Unseen"]


class Unseen(NamedTuple):
    """A fault, and why no program can show it."""

    mutation: Mutation
    proof: str


UNSEEN = (
    Unseen(
        Mutation(
            "eject-count-room",
            "arriving words: a count that finds its queue full is lost",
            "hw/control/eject.py",
            "room.eq(~flit.bump | data_bump.i.ready)",
            "room.eq(~flit.bump | data_bump.i.ready | MUTANT)",
        ),
        "arriving data has the first of the ports for counts, and semaphores take a count a cycle, "
        "lower ports first: its queue of two never holds more than one, so it is never full",
    ),
    Unseen(
        Mutation(
            "l1-zero",
            "L1: what an access beyond it reads is given to the one after it too",
            "hw/control/l1.py",
            "zero.eq(bad)",
            "zero.eq(bad | zero & MUTANT)",
        ),
        "the access beyond L1 stops the machine in the next cycle, and what is under way then has "
        "no defined end: nothing that is compared can hold the zeros",
    ),
)
