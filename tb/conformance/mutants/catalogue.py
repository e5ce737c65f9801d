"""All faults, numbered from 1 in this order; number 0 is the hardware as it is."""

from tb.conformance.mutants.arithmetic import ARITHMETIC
from tb.conformance.mutants.engines import ENGINES
from tb.conformance.mutants.movement import MOVEMENT
from tb.conformance.mutants.mutation import Mutation

__all__ = ["CATALOGUE"]

CATALOGUE: tuple[Mutation, ...] = (*ARITHMETIC, *ENGINES, *MOVEMENT)
