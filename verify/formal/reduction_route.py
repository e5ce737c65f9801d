"""Route computation of reductions: the trees, as properties of one router and its neighbours (see
`verify.formal.route`).
"""

from amaranth.hdl import Cat, Signal

from hw.network.route import reduction_node
from isa.geometry import OPPOSITE
from isa.packets import Port
from verify.formal.harness import Claim, Fault
from verify.formal.routes import SUBJECT, Routes, count, within

__all__ = ["ReductionHarness"]


class ReductionHarness(Routes):
    """Any rectangle and any root of the mesh, inside or outside. A router takes part if it joins at
    least one input.
    """

    name = "reduction"
    subject = f"reduction_node, {SUBJECT}"
    claims = (
        Claim(
            "inputs",
            "a router waits for exactly those neighbours that take part and whose output leads "
            "to it, and for members",
            Fault(reduction_node, "home & ~to_west & (flit.x0 < x)", "home & (flit.x0 < x)"),
        ),
        Claim(
            "root",
            "the output of a router that takes part leads to a neighbour that takes part, or out "
            "at the root, which does",
            Fault(
                reduction_node,
                "to_east, to_west = x < flit.root_x, x > flit.root_x",
                "to_east, to_west = x <= flit.root_x, x > flit.root_x",
            ),
        ),
        Claim(
            "nearer",
            "every hop is one nearer to the root",
            Fault(
                reduction_node, "home & to_west, home & to_east,", "home & to_east, home & to_west,"
            ),
        ),
        Claim(
            "turns",
            "no input is also the output, and none comes from a row into a column",
            Fault(reduction_node, "column & ~to_north & (flit.y1 > y)", "column & (flit.y1 > y)"),
        ),
    )

    def build(self, s):
        """Compare inputs with what the neighbours send."""
        self.surround(s)
        self.assume_rectangle(s)
        f, x, y = self.flit, self.x, self.y
        s.assume(self.inside(f.root_x, f.root_y))
        inputs, output = self.node(s, "here", x, y)
        member = within(x, f.x0, f.x1) & within(y, f.y0, f.y1)
        root = (x == f.root_x) & (y == f.root_y)
        hops = abs(f.root_x - x) + abs(f.root_y - y)
        partners, leads, nearer = [inputs[Port.LOCAL] == member], [], []
        for port, back in OPPOSITE.items():
            there, to_x, to_y = self.neighbour(x, y, port)
            theirs, their_output = self.node(s, port.name.lower(), to_x, to_y)
            partners.append(inputs[port] == (there & (theirs != 0) & their_output[back]))
            leads.append(~output[port] | there & (theirs != 0) & ~root)
            nearer.append(~output[port] | (abs(f.root_x - to_x) + abs(f.root_y - to_y) + 1 == hops))
        leads.append(~output[Port.LOCAL] | root)
        takes_part = inputs != 0
        vertical = output[Port.SOUTH] | output[Port.NORTH]
        s.claim("inputs", Cat(partners).all())
        s.claim(
            "root", (~takes_part | (count(output) == 1) & Cat(leads).all()) & (~root | takes_part)
        )
        s.claim("nearer", ~takes_part | Cat(nearer).all())
        s.claim(
            "turns",
            ~takes_part
            | ((inputs & output)[1:] == 0) & ~(vertical & (inputs[Port.WEST] | inputs[Port.EAST])),
        )

    def node(self, s, name: str, x, y):
        """Inputs and output of the router there."""
        inputs, output = (Signal(len(Port), name=f"{what}_{name}") for what in ("inputs", "output"))
        found = reduction_node(self.flit, x, y)
        s.m.d.comb += [inputs.eq(Cat(*found[0])), output.eq(Cat(*found[1]))]
        return inputs, output
