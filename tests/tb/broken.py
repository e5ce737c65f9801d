"""A router as others build them, for tests only: an output once granted stays with its input until
the packet's last flit.
"""

from amaranth import Cat, Module, Mux, Signal
from amaranth.lib import wiring

from hw.network.fifo import Fifo
from hw.network.fork import Fork
from hw.network.router import Router
from isa.packets import Port

__all__ = ["LockingRouter"]


class LockingRouter(Router):
    """The data router with output locks across a packet, whose last flit is the one with ``bump``.

    Flits are forked one by one, as in the real router, and the locks make all of them wait: two
    multicasts each hold the output that the other needs.
    """

    def elaborate(self, platform):
        m = Module()
        heads, pending, taken = [], [], []
        for port in Port:
            name = port.name.lower()
            m.submodules[f"fifo_{name}"] = fifo = Fifo(
                shape=self._payload, depth=self._mesh.fifo_depth
            )
            m.submodules[f"fork_{name}"] = fork = Fork(branches=len(Port))
            wiring.connect(m, wiring.flipped(self.i[port]), fifo.i)
            m.d.comb += [
                fork.valid.eq(fifo.o.valid),
                fork.mask.eq(self._branches(fifo.o.payload, port)),
                fifo.o.ready.eq(fork.done),
            ]
            heads.append(fifo.o.payload)
            pending.append(fork.pending)
            taken.append(fork.taken)
        for port, out in zip(Port, self.o, strict=True):
            request, grant = Signal(len(Port)), Signal(len(Port))
            after, locked = Signal(len(Port)), Signal(len(Port))
            preferred = request & after
            first = Mux(preferred != 0, preferred, request)
            m.d.comb += [
                request.eq(Cat(pending[source][port] for source in Port)),
                grant.eq(Mux(locked != 0, locked & request, first & -first)),
                out.valid.eq(grant != 0),
            ]
            with m.If(out.valid):
                m.d.sync += [after.eq(grant ^ -grant), locked.eq(grant)]
            with m.Switch(grant):
                for source in Port:
                    with m.Case(1 << source):
                        m.d.comb += [
                            out.payload.eq(heads[source]),
                            taken[source][port].eq(out.ready),
                        ]
                        with m.If(out.ready & heads[source].bump):
                            m.d.sync += locked.eq(0)
        return m
