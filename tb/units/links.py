"""A driver and a monitor for the links of a tile, or for any stream of flits."""

from collections import deque
from random import Random

from amaranth.lib import data

from tb.units.out import fields_of

__all__ = ["LinkDriver", "LinkMonitor"]


class LinkDriver:
    """Offers flits at an input, one after the other: a flit stays there unchanged until it is
    taken.

    Call `tick` after every rising edge. Latency: what is sent in one cycle is offered in the next.

    Parameters
    ----------
    dut
        What cocotb hands to a test.
    name
        Of the stream, as the ports have it: ``data_i__0``.
    layout
        Of a flit.
    rng, gaps
        In a cycle without a flit on offer, the next one waits with the probability `gaps`.
    """

    def __init__(
        self, dut, name: str, layout: data.StructLayout, rng: Random, *, gaps: float = 0.0
    ):
        self._valid, self._ready, self._payload = _handles(dut, name)
        self._layout, self._rng, self.gaps = layout, rng, gaps
        self._queue: deque[dict[str, int]] = deque()
        self._offered = False
        self._valid.value = 0

    def __len__(self) -> int:
        """Flits that have not been taken yet."""
        return len(self._queue)

    def send(self, flit: dict[str, int]) -> None:
        """Take a flit's fields; those that are left out are 0."""
        self._queue.append(flit)

    def tick(self) -> None:
        """Pass a rising edge."""
        before = self._offered
        if self._offered and int(self._ready.value):
            self._queue.popleft()
            self._offered = False
        if not self._offered and self._queue and self._rng.random() >= self.gaps:
            self._payload.value = self._layout.const(self._queue[0]).as_value().value
            self._offered = True
        if self._offered != before:
            self._valid.value = int(self._offered)


class LinkMonitor:
    """Takes the flits of an output, and checks that one which is refused stays as it is.

    Call `tick` after every rising edge. Parameters as `LinkDriver` has them; in each cycle a flit
    is refused with the probability `refuse`.
    """

    def __init__(
        self, dut, name: str, layout: data.StructLayout, rng: Random, *, refuse: float = 0.0
    ):
        self._valid, self._ready, self._payload = _handles(dut, name)
        self._name, self._layout, self._rng, self.refuse = name, layout, rng, refuse
        self._refused: int | None = None
        self._accepts = False
        self._ready.value = 0

    def tick(self) -> dict[str, int] | None:
        """Pass a rising edge; the fields of the flit that was taken with it, if there was one.

        Raises
        ------
        AssertionError
            If a refused flit has changed, or is gone.
        """
        bits = int(self._payload.value) if int(self._valid.value) else None
        assert self._refused in (None, bits), f"{self._name}: a refused flit changed or went away"
        taken = bits if self._accepts else None
        self._refused = None if self._accepts else bits
        accepts = self._rng.random() >= self.refuse
        if accepts != self._accepts:
            self._accepts = accepts
            self._ready.value = int(accepts)
        return None if taken is None else fields_of(self._layout.from_bits(taken))


def _handles(dut, name: str) -> tuple:
    return tuple(getattr(dut, f"{name}__{part}") for part in ("valid", "ready", "payload"))
