"""Data races: two accesses to a word, at least one a write, that nothing in the programs keeps in
order.

Engines of a tile, words that arrive there, and reads and writes of HBM are ordered by the queues,
each with what its engine promises, by semaphores, by transfers, and by networks that keep order on
a way; docs/races.md has the rules. What a program executes does not depend on timing, so that one
run shows all accesses, and the orders that `golden.order` finds in it hold in every run: a program
without a race here has none.
"""

from collections.abc import Sequence

from golden.accesses import Accesses
from golden.flows import Flows
from golden.order import Clocks, settle
from golden.race_report import Race, RaceError, RaceSide
from golden.recording import Step
from isa.machine import Machine

__all__ = ["Race", "RaceError", "RaceSide", "check_races"]


def check_races(machine: Machine, steps: Sequence[Step]) -> list[Race]:
    """All data races of a complete run, one for each pair of instructions, in the order in which
    they showed.
    """
    flows = Flows(machine, steps)
    accesses = Accesses(machine, flows)

    def walk(said: dict) -> Clocks:
        # Accesses are compared anew, as long as there are fewer orders than had been assumed.
        nonlocal accesses
        accesses = Accesses(machine, flows)
        return Clocks(flows, said, accesses.engine, accesses.arrival)

    settle(walk)
    return list(accesses.races.values())
