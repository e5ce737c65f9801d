"""Faults to look for in waveforms: hardware that drops, doubles or misleads flits, on purpose."""

from isa.errors import UserError
from isa.machine import Machine
from tb.hardware import Design
from verify.mutants.catalogue import CATALOGUE
from verify.mutants.copy import design
from verify.mutants.mutation import MUTANT, Mutation

__all__ = ["FAULTS", "faulty"]

_HERE = "(self.x == 1) & (self.y == 0)"

FAULTS = (
    Mutation(
        "dropped-flit",
        "the data router at (1,0) drops words whose L1 address ends in 010101 (one in 64)",
        "hw/network/router.py",
        "fork.mask.eq(self._branches(fifo.o.payload, port)),",
        f"fork.mask.eq(self._branches(fifo.o.payload, port) & ~(({MUTANT} & "
        "(fifo.o.payload.addr[:6] == 0x15) & (fifo.o.payload.kind.as_value() == 0) & "
        f"{_HERE}).replicate(len(Port)) if self._multicast else 0)),",
    ),
    Mutation(
        "wrong-root",
        "tile (1,0) sends its part of every reduction to the tile west of the root",
        "hw/control/out.py",
        "reduce.root_x.eq(command.target_x),",
        f"reduce.root_x.eq(command.target_x - ({MUTANT} & {_HERE} & command.target_x.any())),",
    ),
    *(
        mutation
        for mutation in CATALOGUE
        if mutation.name in ("join-incomplete", "route-branch-missing")
    ),
)
"""The faults that FAULT names."""


def faulty(machine: Machine, name: str) -> Design:
    """The hardware of a machine with one fault, built for waveforms. All faults share a build.

    Raises
    ------
    UserError
        If there is no such fault.
    """
    names = [fault.name for fault in FAULTS]
    if name not in names:
        raise UserError(f"FAULT must be one of {', '.join(names)}, not {name!r}")
    return design(machine, FAULTS, names.index(name) + 1, waves=True)
