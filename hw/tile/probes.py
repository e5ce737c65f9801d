"""Performance counters and the probe port through which they are read."""

from amaranth import Module, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from isa.status import QUEUE_PROBES, Probe

__all__ = ["Probes"]


class Probes(wiring.Component):
    """Counts one-bit events in 32-bit counters, and shows any of them, or any other value, by its
    index.

    Parameters
    ----------
    events : dict
        `Probe` index to a one-bit value; counted in every cycle in which `count` is 1.
    values : dict
        `Probe` index to a value of up to 32 bits that is shown as it is.

    Members
    -------
    count : ``In(1)``
        Enable.
    index : ``In(8)``, data : ``Out(32)``
        The value at `index`, one cycle later; 0 where there is none.
    """

    def __init__(self, *, events: dict, values: dict):
        self._events = events
        self._values = values
        super().__init__({"count": In(1), "index": In(8), "data": Out(32)})

    def elaborate(self, platform):
        m = Module()
        shown = dict(self._values)
        for index, event in self._events.items():
            counter = shown[index] = Signal(32, name=f"count_{_name(index)}")
            with m.If(self.count & event):
                m.d.sync += counter.eq(counter + 1)
        with m.Switch(self.index):
            for index, value in shown.items():
                with m.Case(int(index)):
                    m.d.sync += self.data.eq(value)
            with m.Default():
                m.d.sync += self.data.eq(0)
        return m


def _name(index: int) -> str:
    """A readable name for a probe's counter."""
    base = max(probe for probe in Probe if probe <= index)
    if base == Probe.QUEUE:
        queue, field = divmod(index - base, 16)
        return f"queue{queue}_{QUEUE_PROBES[field]}"
    return base.name.lower() + (f"_{index - base}" if index != base else "")
