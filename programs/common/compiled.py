"""A compiled workload, whatever its kind."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Generic, Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

from isa.errors import UserError
from isa.geometry import TileXY
from isa.image import Program
from isa.instructions import Format
from isa.machine import Machine
from programs.common.check import check_programs
from programs.common.placement import OutputPart

__all__ = ["AnyMapping", "AnyPlacement", "AnyWorkload", "Compiled", "TooLong", "first_that_fits"]


_MOST_TRIES = 12
"""Mappings that are tried until one has a program that fits the program memory."""


class TooLong(Exception):
    """A program of `length` instructions, which is more than was asked for."""

    def __init__(self, length: int):
        super().__init__(f"a program of {length} instructions")
        self.length = length


class AnyWorkload(Protocol):
    """A workload of some kind."""

    @property
    def fmt(self) -> Format:
        """Storage format of the inputs."""

    @property
    def o_fmt(self) -> Format:
        """And of the output."""

    @property
    def useful_macs(self) -> int:
        """Multiply-accumulates."""


class AnyMapping(Protocol):
    """How a workload of some kind is cut."""

    @property
    def dataflow(self) -> str:
        """Name of the dataflow."""

    @property
    def slots(self) -> int:
        """Buffers for each operand that streams in."""

    def describe(self) -> str:
        """One phrase for tables."""


class AnyPlacement(Protocol):
    """Where the tensors of some kind of workload are in HBM."""

    words: list[int]
    """Words used in each channel."""
    traffic: list[int]
    """Words that a run moves through each channel."""

    @property
    def scatter(self) -> Callable[..., list[NDArray[np.uint8]]]:
        """Contents of each channel, from word 0 up to the last word used, of the inputs."""

    def gather(self, contents: Sequence[NDArray]) -> NDArray[np.unsignedinteger]:
        """Bits of the output, from the contents of each channel."""

    def outputs(self) -> list[OutputPart]:
        """Where the output will be."""


W = TypeVar("W", bound=AnyWorkload)
M = TypeVar("M", bound=AnyMapping)


@dataclass
class Compiled(Generic[W, M]):
    """A workload as programs, and what is known about them."""

    machine: Machine
    workload: W
    mapping: M
    programs: dict[TileXY, Program]
    """Of every tile (x, y) of the mesh."""
    placement: AnyPlacement
    """Where the tensors are in HBM."""
    hbm_ideal_read_bytes: int
    """Bytes that the dataflow's formula says are read from HBM, programs apart."""
    hbm_ideal_write_bytes: int
    """Likewise written."""
    useful_macs: int
    """Multiply-accumulates of the workload."""
    l1_bytes: int
    """L1 in use in each tile."""
    semaphores: dict[int, str] = field(default_factory=dict)
    """Names of the semaphores, for messages."""
    tags: dict[int, str] = field(default_factory=dict)
    """Names of the transfers' tags, for messages and waveforms."""
    buffered: str = "K and V"
    """The operands that have `mapping.slots` buffers each."""

    @property
    def dataflow(self) -> str:
        """Name of the dataflow."""
        return self.mapping.dataflow

    @property
    def longest(self) -> int:
        """Instructions of the longest program."""
        return max(len(program) for program in self.programs.values())

    def describe(self) -> str:
        """One line: the mapping, and what it takes."""
        slots = self.mapping.slots
        buffers = {1: "one buffer", 2: "two buffers"}.get(slots, f"{slots} buffers")
        return (
            f"{self.mapping.describe()}, {buffers} each for {self.buffered}, L1 {self.l1_bytes} of "
            f"{self.machine.tile.l1_bytes} bytes, programs of up to {self.longest} instructions"
        )


def first_that_fits(
    machine: Machine, ranked: Sequence[M], make: Callable[[M], Compiled[W, M]]
) -> Compiled[W, M]:
    """Compile mappings, the best first, until one has programs that fit the program memory, and
    check it. `make` may raise `TooLong` as soon as it sees that one does not.

    Raises
    ------
    UserError
        If none of the first ones does.
    """
    capacity = machine.tile.program_instructions
    shortest = 0
    for mapping in ranked[:_MOST_TRIES]:
        try:
            compiled = make(mapping)
        except TooLong as error:
            longest = error.length
        else:
            longest = compiled.longest
            if longest <= capacity:
                check_programs(machine, compiled.programs)
                return compiled
        shortest = min(shortest or longest, longest)
    raise UserError(
        f"{ranked[0].dataflow} on this workload needs programs of at least {shortest} "
        "instructions, the machine's program memory "
        f"holds {capacity} (tile.program_instructions)"
    )
