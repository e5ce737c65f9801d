"""The tile's counting semaphores."""

from amaranth import Cat, Module, Mux, Signal
from amaranth.lib import data, stream, wiring
from amaranth.lib.memory import Memory
from amaranth.lib.wiring import In, Out

from hw.layouts import SEM, WAIT
from isa.machine import Tile

__all__ = ["Semaphores"]


class Semaphores(wiring.Component):
    """Each bump adds one to a semaphore; a wait is taken once its semaphore holds its count, which
    is then subtracted.

    One bump and one wait are taken a cycle, lower index first. A bump is visible to waits from the
    next cycle on, and a wait on the very semaphore that is being bumped stands back that cycle. All
    semaphores are 0 after reset. A bump of a full semaphore (or one the tile does not have) is
    taken and lost, with `overflow`.

    Parameters
    ----------
    tile : Tile
        Number of semaphores and width of their counts.
    bumps, waiters : int
        Numbers of sources and of waiting queues, at least 1 each.

    Members
    -------
    bump : ``In(stream(SEM)).array(bumps)``
        Counts to add. ``ready`` depends on the ``valid`` of those before.
    wait : ``In(stream(WAIT)).array(waiters)``
        Waits. ``ready`` depends on the payload and on the waits before, never on the wait's own
        ``valid``.
    overflow : ``Out(1)``, overflow_sem : ``Out(SEM)``
        In the cycle in which a count is lost, and which semaphore's.
    changed : ``Out(struct).array(2)``
        ``valid`` in a cycle after which semaphore ``sem`` holds ``count``: by a bump, by a wait.
    read_sem : ``In(SEM)``, read_count : ``Out(semaphore_bits)``
        Probe of any semaphore, combinational.
    """

    def __init__(self, *, tile: Tile, bumps: int, waiters: int):
        for name, number in (("bumps", bumps), ("waiters", waiters)):
            if not isinstance(number, int) or number < 1:
                raise TypeError(f"Number of {name} must be a positive integer, not {number!r}")
        self._tile = tile
        super().__init__(
            {
                "bump": In(stream.Signature(SEM)).array(bumps),
                "wait": In(stream.Signature(WAIT)).array(waiters),
                "overflow": Out(1),
                "overflow_sem": Out(SEM),
                "changed": Out(
                    data.StructLayout({"valid": 1, "sem": SEM, "count": tile.semaphore_bits})
                ).array(2),
                "read_sem": In(SEM),
                "read_count": Out(tile.semaphore_bits),
            }
        )

    def elaborate(self, platform):
        m = Module()
        bits = self._tile.semaphore_bits
        # All 32 names have a cell, so that no index is ever out of range; those the tile does not
        # have stay 0. A memory is not cleared by reset, so a cell counts only once it was bumped.
        m.submodules.counts = counts = Memory(shape=bits, depth=1 << SEM.width, init=[])
        touched = Signal(1 << SEM.width)
        add, subtract = counts.write_port(), counts.write_port()

        def count_of(sem):
            port = counts.read_port(domain="comb")
            m.d.comb += port.addr.eq(sem)
            return Mux(touched.bit_select(sem, 1), port.data, 0)

        # Bumps.
        bumped, sem = Signal(), Signal(SEM)
        m.d.comb += [
            bump.ready.eq(~Cat(before.valid for before in self.bump[:b]).any())
            for b, bump in enumerate(self.bump)
        ]
        for b, bump in enumerate(self.bump):
            with m.If(bump.valid) if b == 0 else m.Elif(bump.valid):
                m.d.comb += [bumped.eq(1), sem.eq(bump.payload)]
        count = Signal(bits)
        m.d.comb += [
            count.eq(count_of(sem)),
            self.overflow.eq(bumped & (count.all() | (sem >= self._tile.semaphores))),
            self.overflow_sem.eq(sem),
            add.addr.eq(sem),
            add.data.eq(count + 1),
            add.en.eq(bumped & ~self.overflow),
        ]
        with m.If(add.en):
            m.d.sync += touched.eq(touched | (1 << sem))

        # Waits.
        granted = 0
        for w, wait in enumerate(self.wait):
            held, met = Signal(bits, name=f"held{w}"), Signal(name=f"met{w}")
            m.d.comb += [
                held.eq(count_of(wait.payload.sem)),
                met.eq((held >= wait.payload.count) & ~(bumped & (sem == wait.payload.sem))),
                wait.ready.eq(met & ~granted),
            ]
            with m.If(wait.valid & wait.ready):
                m.d.comb += [
                    subtract.en.eq(1),
                    subtract.addr.eq(wait.payload.sem),
                    subtract.data.eq(held - wait.payload.count),
                ]
            granted = granted | (wait.valid & met)

        for changed, port in zip(self.changed, (add, subtract), strict=True):
            m.d.comb += [
                changed.valid.eq(port.en),
                changed.sem.eq(port.addr),
                changed.count.eq(port.data),
            ]
        m.d.comb += self.read_count.eq(count_of(self.read_sem))
        return m
