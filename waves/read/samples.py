"""From changes in time to values in cycles."""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from isa.errors import UserError
from waves.read.changes import UNKNOWN, Changes
from waves.read.recording import RUN

__all__ = ["Samples", "runs"]


class Samples:
    """Signals as they are in each cycle of the window.

    A signal is 0 until its first known value. What else is unknown may be so until it is used.

    Parameters
    ----------
    changes
        By signal, with ``clk``, ``cycle`` and ``last``: the window ends in the first cycle in which
        ``last`` is 1.

    Attributes
    ----------
    first, last
        First and last cycle of the window.

    Raises
    ------
    UserError
        If cycles are missing, at the end or within.
    """

    def __init__(self, changes: Mapping[str, Changes]):
        times, cycles = _settled(changes["cycle"])
        ends = changes["last"].times[changes["last"].values == 1]
        window = times <= ends[0] if len(ends) else np.ones(len(times), bool)
        self._check(times[window], cycles[window])
        if not len(ends):
            raise UserError(
                f"truncated: it ends in cycle {cycles[-1]}, which is not marked as the last one"
            )
        self.first, self.last = int(cycles[0]), int(cycles[window][-1])
        if not (changes["clk"].times > ends[0]).any():
            raise UserError(f"truncated: it ends within the last cycle, {self.last}")
        # The time after the window, if there is one, is the end of its last cycle.
        self._changes, self._times = changes, times[: window.sum() + 1]

    @staticmethod
    def _check(times: NDArray, cycles: NDArray) -> None:
        if not len(cycles):
            raise UserError("truncated: it ends before the first cycle")
        if (cycles == UNKNOWN).any():
            raise UserError(f"the signal cycle is x at time {times[cycles == UNKNOWN][0]}")
        for wrong in np.flatnonzero(np.diff(cycles) != 1):
            raise UserError(
                f"cycle {cycles[wrong]} is followed by {cycles[wrong + 1]} at time "
                f"{times[wrong + 1]}: cycles are missing"
            )

    def _index(self, times: NDArray) -> NDArray:
        """Number of the cycle in the window that shows what changes at these times."""
        return np.maximum(np.searchsorted(self._times, times, "right") - 1, 0)

    @property
    def cycles(self) -> NDArray[np.int32]:
        """All cycles of the window."""
        return np.arange(self.first, self.last + 1, dtype=np.int32)

    def at(self, name: str, cycles: NDArray | None = None) -> NDArray[np.int64]:
        """Values of a signal in these cycles, or in all of the window.

        Raises
        ------
        UserError
            If one of them is unknown.
        """
        times, values = self._changes[name]
        begins = np.minimum(self._index(times), self.last - self.first + 1)
        steps, values = np.append(0, begins), np.append(0, values)
        values[: np.append(values[1:] != UNKNOWN, True).argmax() + 1] = 0
        if cycles is None:
            lengths = np.diff(np.append(steps, self.last - self.first + 1))
            shown, unknown = np.repeat(values, lengths), steps[(values == UNKNOWN) & (lengths > 0)]
        else:
            shown = values[np.searchsorted(begins, cycles - self.first, "right")]
            unknown = (cycles - self.first)[shown == UNKNOWN]
        if len(unknown):
            raise UserError(f"{name} is x in cycle {self.first + unknown[0]}")
        return shown

    def flag(self, name: str) -> NDArray[np.bool_]:
        """Whether a signal of one bit is 1, in each cycle of the window."""
        return self.at(name) != 0

    @property
    def changed(self) -> int:
        """Changes of all signals."""
        return sum(len(_settled(changes).times) for changes in self._changes.values())


def _settled(changes: Changes) -> Changes:
    """The last change at each time, if it is to another value than the one before."""
    final = np.diff(changes.times, append=changes.times[-1:] + 1) > 0
    settled = Changes(changes.times[final], changes.values[final])
    fresh = np.diff(settled.values, prepend=UNKNOWN) != 0
    return Changes(settled.times[fresh], settled.values[fresh])


def runs(values: NDArray, first: int, where: NDArray[np.bool_] | None = None) -> NDArray:
    """Stretches of equal values as `RUN` s; `first` is the cycle of the first value, `where` leaves
    cycles out.
    """
    where = np.ones(len(values), bool) if where is None else where
    keys = np.where(where, values, -1)
    begins = np.flatnonzero(np.diff(keys, prepend=keys[:1] - 1))
    found = np.empty(len(begins), RUN)
    found["begin"], found["end"], found["value"] = (
        first + begins,
        first + np.append(begins[1:], len(keys)),
        keys[begins],
    )
    return found[where[begins]]
