"""Where a flit goes: pure functions of its header, the router's position and the port it came in
by.

They only compare coordinates and combine the results bit by bit, so that they work on hardware
values and on whole NumPy arrays of coordinates alike: `hw.proof.deadlock` proves its theorem
about the very functions that the routers are made of.

An outer port, at the mesh's edge, is where an HBM channel injects. What comes in at the west or
east end of a row goes on like any flit of that row; what comes in at the south or north end of a
column may turn into the row first, like what comes from the tile.
"""

from isa.packets import Port

__all__ = ["multicast_branches", "reduction_node", "request_branches"]


def multicast_branches(flit, x, y, port: Port, last_y) -> tuple:
    """Return the outputs that a flit of the data network needs at router (x, y), one bit a `Port`.

    The tree is XY: along the row of its source to every column of the rectangle, from there along
    the columns.

    Parameters
    ----------
    flit
        Anything with the rectangle ``x0``, ``y0``, ``x1``, ``y1``.
    port
        Input at which it is.
    last_y
        Row of the mesh's northernmost tiles.
    """
    below, above = flit.y0 < y, flit.y1 > y
    west, east = flit.x0 < x, flit.x1 > x
    row = (y >= flit.y0) & (y <= flit.y1)
    if port in (Port.SOUTH, Port.NORTH):
        injected = y == (0 if port == Port.SOUTH else last_y)
        # A flit on its way along a column is in one of the rectangle's columns.
        column = ~injected | (x >= flit.x0) & (x <= flit.x1)
        west, east = injected & west, injected & east
    else:
        column = (x >= flit.x0) & (x <= flit.x1)
    return (
        column & row,
        west if port != Port.WEST else False,
        east if port != Port.EAST else False,
        column & below if port != Port.SOUTH else False,
        column & above if port != Port.NORTH else False,
    )


def request_branches(flit, x, y) -> tuple:
    """Return the one output that a flit of the request network needs at router (x, y), one bit a
    `Port`.

    XY to the router at (``flit.x``, ``flit.y``), there out of outer port ``flit.edge``.
    """
    west, east = flit.x < x, flit.x > x
    along = west | east
    south, north = ~along & (flit.y < y), ~along & (flit.y > y)
    here = ~(along | south | north)
    out = [here & (flit.edge == edge) for edge in range(4)]
    return False, west | out[0], east | out[1], south | out[2], north | out[3]


def reduction_node(flit, x, y) -> tuple[tuple, tuple]:
    """Return the inputs joined at router (x, y) for a flit's collective, and the output of their
    sum, one bit a `Port` each.

    The tree is YX: along the columns to the root's row, from there along the row to the root.
    Inputs and output are a function of rectangle, root and position, not of the port the flit is
    at: all the flits that meet agree on them.
    """
    column = (x >= flit.x0) & (x <= flit.x1)
    row = (y >= flit.y0) & (y <= flit.y1)
    to_north, to_south = y < flit.root_y, y > flit.root_y
    to_east, to_west = x < flit.root_x, x > flit.root_x
    home = ~(to_north | to_south)  # in the root's row
    inputs = (
        column & row,
        home & ~to_west & (flit.x0 < x),
        home & ~to_east & (flit.x1 > x),
        column & ~to_south & (flit.y0 < y),
        column & ~to_north & (flit.y1 > y),
    )
    output = (home & ~to_east & ~to_west, home & to_west, home & to_east, to_south, to_north)
    return inputs, output
