"""Router of the reduction network: offers held, and no result without a place; arithmetic is not
looked at.
"""

from amaranth.hdl import Cat, Const, Signal
from amaranth.lib import data

from hw.layouts import COORDINATE, reduce_flit
from hw.network.combine import in_flight
from hw.network.reduce_router import ReduceRouter
from isa.machine import MACHINES
from isa.packets import Port
from verify.formal.fifo import modulo, stored
from verify.formal.harness import Claim, Fault, Harness

__all__ = ["ReduceRouterHarness"]


class ReduceRouterHarness(Harness):
    """Any flits from all sides, any back-pressure, any position."""

    name = "reduce-router"
    subject = "ReduceRouter, FIFO depth 2"
    claims = (
        Claim(
            "held",
            "what an output offers stays, with its payload, until it is taken",
            Fault(
                ReduceRouter._leave,
                "queue.i.valid.eq(here & (queue.o.valid | ~out.ready))",
                "queue.i.valid.eq(here & queue.o.valid)",
            ),
        ),
        Claim(
            "room",
            "a result whose output is blocked always finds a place in that output's queue",
            Fault(
                ReduceRouter._choose,
                "count != slots for count in used",
                "count <= slots for count in used",
            ),
        ),
        Claim("throughput", "a sum of three words leaves in each of 4 cycles on end", reach=True),
    )

    def build(self, s):
        """Account for the places in the queues: results that are there, and results that are on
        their way.
        """
        m = s.m
        # One element a word: control does not look at words.
        machine = MACHINES["tiny"]
        mesh = machine.mesh.model_copy(update={"fifo_depth": 2})
        tile = machine.tile.model_copy(update={"link_bits": 32})
        machine = machine.model_copy(update={"mesh": mesh, "tile": tile})
        m.submodules.dut = dut = ReduceRouter(machine=machine)
        for i, o in zip(dut.i, dut.o, strict=True):
            s.free(i.valid, i.payload, o.ready)
        x, y = s.constant(COORDINATE, "x"), s.constant(COORDINATE, "y")
        m.d.comb += [dut.x.eq(x), dut.y.eq(y)]
        s.claim("held", Cat(s.held(o) for o in dut.o).all())

        slots = in_flight(mesh.adder_stages)
        flit = reduce_flit(tile)
        label = data.StructLayout(
            {"header": flit.size - tile.link_bits, "output": len(Port), "fmt": 3, "third": 1}
        )
        due = s.peek("dut.combine.due", slots)
        level, read, write, items = stored(s, "dut.combine.labels", label.size, slots)
        s.lemma(
            (level == sum(due, Const(0, 1)))
            & (read < slots)
            & (write == modulo(read + level, slots))
        )
        coming = []
        for index in range(slots):
            item = data.View(label, Signal(label.size, name=f"coming_{index}"))
            there = Signal(len(Port), name=f"to_{index}")
            m.d.comb += [item.as_value().eq(items[modulo(read + index, slots)])]
            with m.If(level > index):
                m.d.comb += there.eq(item.output)
            s.lemma((there & (there - 1)) == 0)
            coming.append(there)
        overflows = []
        for port in Port:
            name = port.name.lower()
            held, first, last, _ = stored(s, f"dut.fifo_{name}", flit.size, mesh.fifo_depth)
            s.lemma((held <= mesh.fifo_depth) & (last == modulo(first + held, mesh.fifo_depth)))
            inside, start, end, _ = stored(s, f"dut.queue_{name}", flit.size, slots)
            used = s.peek(f"dut.used_{name}", slots.bit_length())
            s.lemma((start < slots) & (end == modulo(start + inside, slots)) & (used <= slots))
            s.lemma(used == inside + sum((there[port] for there in coming), Const(0, 1)))
            overflows.append(s.peek(f"dut.queue_{name}.i__valid", 1) & (inside == slots))
        locked, request = (
            s.peek("dut.turns.locked", len(Port)),
            s.peek("dut.turns.request", len(Port)),
        )
        s.lemma(((locked & (locked - 1)) == 0) & ((locked & ~request) == 0))
        s.claim("room", ~Cat(overflows).any())
        moves = Cat(i.valid & i.ready for i in dut.i[:3]).all()
        s.reach(
            "throughput", s.run_of(moves & dut.o[Port.NORTH].valid & dut.o[Port.NORTH].ready, 4)
        )
