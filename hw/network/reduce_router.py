"""Router of the reduction network: flits that meet are combined."""

from amaranth import Cat, Module, Signal
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out

from hw.float.stage import scratch
from hw.layouts import COORDINATE, reduce_flit
from hw.network.arbiter import Arbiter
from hw.network.combine import Combine, in_flight
from hw.network.fifo import Fifo
from hw.network.join import Join
from hw.network.route import reduction_node
from isa.machine import Machine
from isa.packets import Port

__all__ = ["ReduceRouter"]

_COLLECTIVE = ("x0", "y0", "x1", "y1", "root_x", "root_y", "op", "fmt", "turn")
"""What a tag stands for, as long as flits with that tag are in the network."""


class ReduceRouter(wiring.Component):
    """Five-port router that joins the flits of a collective: one flit goes on for all that came in.

    A flit waits at the head of its input FIFO until all inputs of its collective at this router
    (`reduction_node`) hold their part. They leave together through `Combine`, combined in the order
    LOCAL, WEST, EAST, SOUTH, NORTH whatever came first; their headers are equal. Flits with one
    input pass in one cycle like in a `Router`, and so do joins whose `isa.timing.combine_cycles` is
    0: all maxima, and sums of two if the adders take one cycle. A job starts every cycle (every
    other for sums of four or five), complete sets take turns, and the router forwards one flit a
    cycle in all.

    A job starts only if its output's queue will have room for the result, so that results never
    wait in the pipeline and a blocked output blocks nothing but what goes there. ``ready`` of an
    input and ``valid`` and ``payload`` of an output are functions of registers and of the position
    only. An output keeps offering a flit until it is taken. Flits that have an input and the output
    in common keep their order.

    Parameters
    ----------
    machine : Machine
        Depth of the input FIFOs, cycles of the adders, formats; bits of a flit.

    Members
    -------
    x, y : ``In(COORDINATE)``
        Position in the mesh.
    i, o : ``stream(reduce_flit).array(5)``
        Links by `Port`.
    mismatch : ``Out(1)``
        Two inputs hold flits that wait for each other, see `Join`. Never combined; stays until
        reset.
    mismatch_tag : ``Out(8)``
        Tag of the one at the lower input.
    waiting : ``Out(1)``, waiting_tag : ``Out(8)``
        Some input holds a flit, and the tag of the one at the lowest such input. If nothing moves
        any more, it is stuck.
    awake : ``Out(1)``
        Some flit is inside or offered at LOCAL, or was a cycle or two ago. A clock edge without it
        changes nothing, if no flit is offered at an outer port.
    """

    def __init__(self, *, machine: Machine):
        self._machine = machine
        flit = reduce_flit(machine.tile)
        super().__init__(
            {
                "x": In(COORDINATE),
                "y": In(COORDINATE),
                "i": In(stream.Signature(flit)).array(len(Port)),
                "o": Out(stream.Signature(flit)).array(len(Port)),
                "mismatch": Out(1),
                "mismatch_tag": Out(8),
                "waiting": Out(1),
                "waiting_tag": Out(8),
                "awake": Out(1),
            }
        )

    def elaborate(self, platform):
        m = Module()
        tile, mesh, flit = self._machine.tile, self._machine.mesh, reduce_flit(self._machine.tile)
        header = sum(field.width for name, field in flit if name != "data")
        label = data.StructLayout({"header": header, "output": len(Port)})
        collective = sum(flit[name].width for name in _COLLECTIVE)

        m.submodules.join = self._join = Join(header=header, collective=collective)
        m.submodules.turns = self._turns = Arbiter(inputs=len(Port))
        m.submodules.combine = self._combine = Combine(
            tile=tile, label=label, stages=mesh.adder_stages, formats=mesh.formats
        )
        self._slots = in_flight(mesh.adder_stages)
        self._heads, self._queues, self._nodes = [], [], []
        for port in Port:
            name = port.name.lower()
            m.submodules[f"fifo_{name}"] = fifo = Fifo(shape=flit, depth=mesh.fifo_depth)
            m.submodules[f"queue_{name}"] = queue = Fifo(shape=flit, depth=self._slots)
            wiring.connect(m, wiring.flipped(self.i[port]), fifo.i)
            self._queues.append(queue)
            self._heads.append(fifo.o)
            self._nodes.append(
                tuple(scratch(len(Port), f"{what}_{name}") for what in ("inputs", "output"))
            )

        self._match(m)
        used = [Signal(range(self._slots + 1), name=f"used_{port.name.lower()}") for port in Port]
        joined, go = Signal(len(Port)), Signal()
        first = self._choose(m, used, joined, go)
        self._start(m, first, joined)
        self._leave(m, used, go)
        self._report(m)
        return m

    def _match(self, m):
        """Which heads belong together."""
        join, heads, link_bits = self._join, self._heads, self._machine.tile.link_bits
        for port in Port:
            head, (inputs, output) = heads[port].payload, self._nodes[port]
            with m.If(heads[port].valid):
                needed, to = reduction_node(head, self.x, self.y)
                m.d.comb += [
                    inputs.eq(Cat(*needed)),
                    output.eq(Cat(*to)),
                    join.heads[port].header.eq(head.as_value()[link_bits:]),
                    join.heads[port].collective.eq(Cat(head[name] for name in _COLLECTIVE)),
                    join.heads[port].tag.eq(head.tag),
                ]
            m.d.comb += [
                join.heads[port].valid.eq(heads[port].valid),
                join.heads[port].inputs.eq(inputs),
            ]

    def _choose(self, m, used, joined, go):
        """One complete set whose output has room, each in its turn. Returns its first flit."""
        nodes, turns, heads, combine = self._nodes, self._turns, self._heads, self._combine
        slots, room = self._slots, Signal(len(Port))
        job = combine.i.payload
        first = Signal(reduce_flit(self._machine.tile))
        complete = self._join.complete
        m.d.comb += [
            room.eq(Cat(count != slots for count in used)),
            turns.request.eq(Cat(complete[port] & (nodes[port][1] & room).any() for port in Port)),
            combine.i.valid.eq(turns.request != 0),
            turns.taken.eq(combine.i.ready),
            go.eq(combine.i.valid & combine.i.ready),
            *[heads[port].ready.eq(go & joined[port]) for port in Port],
        ]
        with m.Switch(turns.grant):
            for port in Port:
                with m.Case(1 << port):
                    m.d.comb += [
                        joined.eq(nodes[port][0]),
                        job.label.output.eq(nodes[port][1]),
                        first.eq(heads[port].payload),
                    ]
        return first

    def _start(self, m, first, joined):
        """The words of the set, in the order of their ports."""
        job, heads = self._combine.i.payload, self._heads
        m.d.comb += [
            job.label.header.eq(first.as_value()[self._machine.tile.link_bits :]),
            job.op.eq(first.op),
            job.fmt.eq(first.fmt),
            job.a.eq(first.data),
        ]
        with m.Switch(joined):
            for chosen in range(1, 1 << len(Port)):
                members = [port for port in Port if chosen >> port & 1]
                with m.Case(chosen):
                    m.d.comb += job.count.eq(len(members))
                    for word, port in zip("bcde", members[1:], strict=False):
                        m.d.comb += job[word].eq(heads[port].payload.data)

    def _leave(self, m, used, go):
        """Results: out at once, or into the queue if the output is blocked."""
        combine, job = self._combine, self._combine.i.payload
        result = Cat(combine.result, combine.label.header)
        for port, (out, queue) in enumerate(zip(self.o, self._queues, strict=True)):
            here, leaves, enters = Signal(), Signal(), Signal()
            m.d.comb += [
                here.eq(combine.valid & combine.label.output[port]),
                enters.eq(go & job.label.output[port]),
                leaves.eq(out.valid & out.ready),
                out.valid.eq(queue.o.valid | here),
                queue.o.ready.eq(out.ready),
                queue.i.payload.eq(result),
                queue.i.valid.eq(here & (queue.o.valid | ~out.ready)),
            ]
            with m.If(queue.o.valid):
                m.d.comb += out.payload.eq(queue.o.payload)
            with m.Else():
                m.d.comb += out.payload.eq(result)
            m.d.sync += used[port].eq(used[port] + enters - leaves)

    def _report(self, m):
        heads, join, tags = self._heads, self._join, Signal(8)
        with m.Switch(join.mismatch_port):
            for port in Port:
                with m.Case(1 << port):
                    m.d.comb += tags.eq(heads[port].payload.tag)
        m.d.comb += [self.mismatch.eq(join.mismatch), self.mismatch_tag.eq(tags)]
        for head in reversed(heads):
            with m.If(head.valid):
                m.d.comb += [self.waiting.eq(1), self.waiting_tag.eq(head.payload.tag)]
        inside, late = Signal(), Signal(2)
        m.d.comb += [
            inside.eq(
                self.waiting
                | self._combine.busy
                | Cat(self.i[Port.LOCAL].valid, *(queue.o.valid for queue in self._queues)).any()
            ),
            self.awake.eq(inside | late.any()),
        ]
        m.d.sync += late.eq(Cat(inside, late))
