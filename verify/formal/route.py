"""Route computation, on every mesh of up to 64 x 64 tiles at once: the trees, as properties of one
router.

Each harness states what may arrive at a router, and claims that what the router does with it leads
only to what may arrive at its neighbours, nearer to the end, with the tiles to reach divided among
the branches. By induction over the distance this is the tree: every tile of the rectangle once,
from everywhere. There is no state, so that one step is a whole proof.
"""

from amaranth.hdl import Cat, Const, Mux

from hw.layouts import COORDINATE
from hw.network.route import multicast_branches, request_branches
from isa.geometry import OPPOSITE, STEP
from isa.packets import Port
from verify.formal.harness import Claim, Fault
from verify.formal.routes import SUBJECT, Routes, count, within

__all__ = ["MulticastHarness", "RequestHarness"]

_ROW, _ORIGIN = 128, 256
"""Ranks that are above all distances along a column, and along a row."""


class MulticastHarness(Routes):
    """Any rectangle of the mesh, injected at any tile or outer port, seen at any router by any
    port.
    """

    name = "multicast"
    subject = f"multicast_branches, {SUBJECT}"
    claims = (
        Claim(
            "exactly once",
            "each tile still to reach is reached by exactly one branch, any other tile by none",
            Fault(multicast_branches, "column & row,", "column,"),
        ),
        Claim(
            "legal",
            "no branch leaves the mesh or is in vain: what goes to a neighbour still has tiles "
            "to reach there",
            Fault(multicast_branches, "flit.x1 > x", "flit.x1 >= x"),
        ),
        Claim(
            "turns",
            "no branch turns back, none goes from a column into a row",
            Fault(multicast_branches, "west if port != Port.WEST else False", "west"),
        ),
        Claim(
            "nearer",
            "every hop is nearer to the end of the tree: no flit goes round for ever",
            Fault(
                multicast_branches,
                "west, east = injected & west, injected & east",
                "west, east = west, east",
            ),
        ),
    )

    def build(self, s):
        """Divide the tiles among the branches."""
        self.surround(s)
        self.assume_rectangle(s)
        x, y = self.x, self.y
        tile = s.any(COORDINATE, "tile_x"), s.any(COORDINATE, "tile_y")
        s.assume(self.inside(*tile))
        once, legal, turns, nearer = [], [], [], []
        for port in Port:
            branches = Cat(*multicast_branches(self.flit, x, y, port, self.rows - 1))
            here = branches[Port.LOCAL] & (tile[0] == x) & (tile[1] == y)
            parts, leads, falls = [here], [], []
            for out, back in OPPOSITE.items():
                there, to_x, to_y = self.neighbour(x, y, out)
                parts.append(branches[out] & self.reaches(to_x, to_y, back, tile))
                leads.append(
                    ~branches[out]
                    | there & self.may_arrive(to_x, to_y, back) & ~self.origin(to_x, to_y, back)
                )
                falls.append(~branches[out] | (self.rank(to_x, to_y, back) < self.rank(x, y, port)))
            possible = self.may_arrive(x, y, port)
            once.append(~possible | (count(parts) == self.reaches(x, y, port, tile)))
            legal.append(~possible | Cat(leads).all())
            nearer.append(~possible | Cat(falls).all())
            if port != Port.LOCAL:
                turns.append(~possible | ~branches[port])
            if port in (Port.SOUTH, Port.NORTH):
                along = branches[Port.WEST] | branches[Port.EAST]
                turns.append(~possible | self.origin(x, y, port) | ~along)
        s.claim("exactly once", Cat(once).all())
        s.claim("legal", Cat(legal).all())
        s.claim("turns", Cat(turns).all())
        s.claim("nearer", Cat(nearer).all())

    def origin(self, x, y, port: Port):
        """Whether what comes by this port is injected there: the tile itself, or an outer port."""
        return Const(1, 1) if port == Port.LOCAL else ~self.neighbour(x, y, port)[0]

    def may_arrive(self, x, y, port: Port):
        """Whether a flit may come by this port: injected, or with tiles to reach in the direction
        in which it goes.
        """
        f = self.flit
        column = within(x, f.x0, f.x1)
        on_its_way = {
            Port.LOCAL: Const(1, 1),
            Port.WEST: f.x1 >= x,
            Port.EAST: f.x0 <= x,
            Port.SOUTH: column & (f.y1 >= y),
            Port.NORTH: column & (f.y0 <= y),
        }
        return self.origin(x, y, port) | on_its_way[port]

    def reaches(self, x, y, port: Port, tile):
        """Whether a flit that came by this port must reach the tile."""
        f, (tile_x, tile_y) = self.flit, tile
        ahead = {
            Port.LOCAL: Const(1, 1),
            Port.WEST: tile_x >= x,
            Port.EAST: tile_x <= x,
            Port.SOUTH: (tile_x == x) & (tile_y >= y),
            Port.NORTH: (tile_x == x) & (tile_y <= y),
        }
        member = within(tile_x, f.x0, f.x1) & within(tile_y, f.y0, f.y1)
        return member & (self.origin(x, y, port) | ahead[port])

    def rank(self, x, y, port: Port):
        """What falls with every hop."""
        left = {
            Port.LOCAL: Const(0),
            Port.WEST: _ROW + self.columns - x,
            Port.EAST: _ROW + x + 1,
            Port.SOUTH: self.rows - y,
            Port.NORTH: y + 1,
        }
        return Mux(self.origin(x, y, port), _ORIGIN, left[port])


class RequestHarness(Routes):
    """Any outer port of the mesh as target, any tile as source."""

    name = "request"
    subject = f"request_branches, {SUBJECT}"
    claims = (
        Claim(
            "one",
            "exactly one output, never LOCAL",
            Fault(request_branches, "here = ~(along | south | north)", "here = ~(along | south)"),
        ),
        Claim(
            "arrives",
            "it leaves by the outer port that it names, at the tile that it names, "
            "and nowhere else",
            Fault(request_branches, "(flit.edge == edge)", "(flit.edge == edge ^ 1)"),
        ),
        Claim(
            "nearer",
            "every hop is one nearer to the target",
            Fault(request_branches, "flit.x < x, flit.x > x", "flit.x > x, flit.x < x"),
        ),
        Claim(
            "turns",
            "no turn back, none from a column into a row",
            Fault(request_branches, "flit.x < x, flit.x > x", "flit.x <= x, flit.x > x"),
        ),
    )

    def build(self, s):
        """Compare the distance here and at the neighbour."""
        self.surround(s)
        f, x, y = self.flit, self.x, self.y
        s.assume(self.inside(f.x, f.y))
        for index, port in enumerate(STEP):
            s.assume((f.edge != index) | ~self.neighbour(f.x, f.y, port)[0])
        branches = Cat(*request_branches(f, x, y))
        target = (x == f.x) & (y == f.y)
        hops = abs(f.x - x) + abs(f.y - y)
        arrives, nearer, turns = [], [], []
        for index, (out, back) in enumerate(OPPOSITE.items()):
            there, to_x, to_y = self.neighbour(x, y, out)
            arrives.append(
                ~branches[out]
                | Mux(target, f.edge == index, there & self.may_arrive(to_x, to_y, back))
            )
            nearer.append(~branches[out] | target | (abs(f.x - to_x) + abs(f.y - to_y) + 1 == hops))
            # A flit that came by this port, from a neighbour.
            came = self.may_arrive(x, y, out) & there
            turns.append(~came | ~branches[out])
            if out in (Port.SOUTH, Port.NORTH):
                turns.append(~came | target | ~(branches[Port.WEST] | branches[Port.EAST]))
        s.claim("one", (count(branches) == 1) & ~branches[Port.LOCAL])
        s.claim("arrives", Cat(arrives).all())
        s.claim("nearer", Cat(nearer).all())
        s.claim("turns", Cat(turns).all())

    def may_arrive(self, x, y, port: Port):
        """Whether a flit may come by this port from a neighbour."""
        f = self.flit
        return {
            Port.WEST: f.x >= x,
            Port.EAST: f.x <= x,
            Port.SOUTH: (f.x == x) & (f.y >= y),
            Port.NORTH: (f.x == x) & (f.y <= y),
        }[port]
