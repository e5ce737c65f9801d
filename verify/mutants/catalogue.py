"""All faults, numbered from 1 in this order; number 0 is the hardware as it is."""

from verify.mutants.afterwards import AFTERWARDS
from verify.mutants.arithmetic import ARITHMETIC
from verify.mutants.engines import ENGINES
from verify.mutants.extremes import EXTREMES
from verify.mutants.meetings import MEETINGS
from verify.mutants.movement import MOVEMENT
from verify.mutants.mutation import Mutation
from verify.mutants.performance import PERFORMANCE
from verify.mutants.refusals import REFUSALS

__all__ = ["CATALOGUE"]

CATALOGUE: tuple[Mutation, ...] = (
    *ARITHMETIC,
    *ENGINES,
    *MOVEMENT,
    *EXTREMES,
    *MEETINGS,
    *REFUSALS,
    *PERFORMANCE,
    *AFTERWARDS,
)
