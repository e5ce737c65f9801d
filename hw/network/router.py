"""Router of the data and request networks."""

from amaranth import Cat, Module
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

from hw.layouts import COORDINATE
from hw.network.arbiter import Arbiter
from hw.network.fifo import Fifo
from hw.network.fork import Fork
from hw.network.route import multicast_branches, request_branches
from isa.machine import Machine
from isa.packets import Port

__all__ = ["Router"]


class Router(wiring.Component):
    """Five-port router of single-flit packets: input FIFOs, routing, asynchronous forks, an arbiter
    an output, a crossbar.

    One cycle a hop: a flit is in an input FIFO at the beginning of a cycle and in the next router's
    at its end. Every link moves a flit a cycle. ``ready`` of an input and ``valid`` and ``payload``
    of an output are functions of registers and of the position only. An output keeps offering a
    flit until it is taken. Inputs take turns at an output. Flits between the same two ports keep
    their order. A flit that comes in by an outer port (one without a neighbour) is injected there.

    With `multicast`, a flit is copied to every output its rectangle needs, each copy leaving when
    its output is free. Without, it needs exactly one output, and the forks are not built.

    Parameters
    ----------
    machine : Machine
        Depth of the FIFOs.
    payload : StructLayout
        `hw.layouts.data_flit` with `multicast`, else `hw.layouts.request_flit`.
    multicast : bool
        Route by rectangle (data network), or to an outer port (request network).

    Members
    -------
    x, y : ``In(COORDINATE)``
        Position in the mesh.
    last_y : ``In(COORDINATE)``
        Row of the mesh's northernmost tiles; the machine's, if not connected.
    i : ``In(stream).array(5)``
        Inputs by `Port`.
    o : ``Out(stream).array(5)``
        Outputs by `Port`. No request leaves by LOCAL.
    awake : ``Out(1)``
        Some flit is in a FIFO or offered at LOCAL. A clock edge without it changes nothing, if no
        flit is offered at an outer port.
    """

    latency = 1

    def __init__(self, *, machine: Machine, payload, multicast: bool):
        needed = ("x0", "y0", "x1", "y1") if multicast else ("x", "y", "edge")
        missing = [name for name in needed if name not in dict(payload)]
        if missing:
            raise TypeError(
                f"Payload must have the fields {', '.join(needed)}, and lacks {', '.join(missing)}"
            )
        self._mesh = machine.mesh
        self._payload = payload
        self._multicast = bool(multicast)
        super().__init__(
            {
                "x": In(COORDINATE),
                "y": In(COORDINATE),
                "last_y": In(COORDINATE, init=machine.mesh.rows - 1),
                "i": In(stream.Signature(payload)).array(len(Port)),
                "o": Out(stream.Signature(payload)).array(len(Port)),
                "awake": Out(1),
            }
        )

    def elaborate(self, platform):
        m = Module()

        # Inputs: the head of each FIFO, and the outputs that it still needs.
        heads, pending, taken, holding = [], [], [], []
        for port in Port:
            name = port.name.lower()
            m.submodules[f"fifo_{name}"] = fifo = Fifo(
                shape=self._payload, depth=self._mesh.fifo_depth
            )
            wiring.connect(m, wiring.flipped(self.i[port]), fifo.i)
            heads.append(fifo.o.payload)
            holding.append(fifo.o.valid)
            m.submodules[f"fork_{name}"] = fork = (
                Fork(branches=len(Port)) if self._multicast else _Unicast()
            )
            m.d.comb += [
                fork.valid.eq(fifo.o.valid),
                fork.mask.eq(self._branches(fifo.o.payload, port)),
                fifo.o.ready.eq(fork.done),
            ]
            pending.append(fork.pending)
            taken.append(fork.taken)

        m.d.comb += self.awake.eq(Cat(self.i[Port.LOCAL].valid, *holding).any())

        # Outputs: each chooses among the inputs that need it.
        for port, out in zip(Port, self.o, strict=True):
            sources = [source for source in Port if self._possible(source, port)]
            if not sources:
                continue
            m.submodules[f"arbiter_{port.name.lower()}"] = arbiter = Arbiter(inputs=len(sources))
            m.d.comb += [
                arbiter.request.eq(Cat(pending[source][port] for source in sources)),
                arbiter.taken.eq(out.ready),
                out.valid.eq(arbiter.request != 0),
            ]
            with m.Switch(arbiter.grant):
                for index, source in enumerate(sources):
                    with m.Case(1 << index):
                        m.d.comb += out.payload.eq(heads[source])
            for index, source in enumerate(sources):
                m.d.comb += taken[source][port].eq(arbiter.grant[index] & out.ready)
        return m

    def _possible(self, source: Port, port: Port) -> bool:
        """Whether any flit goes this way: none turns back, and only a multicast reaches a tile, its
        own included.
        """
        return (
            source != port or source == Port.LOCAL
            if self._multicast
            else source != port != Port.LOCAL
        )

    def _branches(self, flit, port: Port):
        if self._multicast:
            return Cat(*multicast_branches(flit, self.x, self.y, port, self.last_y))
        return Cat(*request_branches(flit, self.x, self.y))


class _Unicast(wiring.Component):
    """What is left of a `Fork` for items that have one branch each."""

    def __init__(self):
        n = len(Port)
        super().__init__(
            {"valid": In(1), "mask": In(n), "pending": Out(n), "taken": In(n), "done": Out(1)}
        )

    def elaborate(self, platform):
        m = Module()
        with m.If(self.valid):
            m.d.comb += self.pending.eq(self.mask)
        m.d.comb += self.done.eq(self.taken != 0)
        return m
