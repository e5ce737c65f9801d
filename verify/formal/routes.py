"""What proofs of the trees share: a mesh of any size, a router of it, a flit."""

from amaranth.hdl import Const, Value
from amaranth.lib import data

from hw.layouts import COORDINATE
from isa.geometry import STEP
from isa.packets import Port
from verify.formal.harness import Harness

__all__ = ["SUBJECT", "Routes", "count", "within"]

_FLIT = data.StructLayout(
    {**dict.fromkeys(("x0", "y0", "x1", "y1", "root_x", "root_y", "x", "y"), COORDINATE), "edge": 2}
)
SUBJECT = "every mesh up to 64 x 64"


class Routes(Harness):
    """A mesh of any size, a router of it, a flit."""

    combinational = True

    def surround(self, s):
        """Choose mesh, router and flit."""
        self.flit = s.any(_FLIT, "flit")
        self.x, self.y = s.any(COORDINATE, "x"), s.any(COORDINATE, "y")
        # One bit more than a coordinate.
        self.columns, self.rows = (
            s.any(COORDINATE.width + 1, "columns"),
            s.any(COORDINATE.width + 1, "rows"),
        )
        s.assume((self.columns <= 64) & (self.rows <= 64))
        s.assume(self.inside(self.x, self.y))

    def inside(self, x, y):
        """Whether that position is in the mesh."""
        return (x < self.columns) & (y < self.rows)

    def assume_rectangle(self, s):
        """Choose a rectangle of the mesh."""
        f = self.flit
        s.assume((f.x0 <= f.x1) & (f.y0 <= f.y1) & self.inside(f.x1, f.y1))

    def neighbour(self, x, y, port: Port):
        """Whether there is a router at that port, and its position."""
        dx, dy = STEP[port]
        edge = {
            Port.WEST: x == 0,
            Port.EAST: x == self.columns - 1,
            Port.SOUTH: y == 0,
            Port.NORTH: y == self.rows - 1,
        }
        return ~edge[port], (x + dx)[: COORDINATE.width], (y + dy)[: COORDINATE.width]


def within(value, low, high) -> Value:
    """Whether it is neither below nor above."""
    return (value >= low) & (value <= high)


def count(conditions) -> Value:
    """How many hold."""
    return sum((Value.cast(condition) for condition in conditions), Const(0, 1))
