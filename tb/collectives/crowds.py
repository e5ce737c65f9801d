"""Many hardware collectives at once, against the flits that the busiest port of the mesh
must pass.
"""

from collections import Counter

from isa.geometry import Rectangle, TileXY
from isa.machine import Machine
from programs.collectives.collective import Collective
from tb.collectives.series import Item, SeriesLane

__all__ = ["busiest_port", "crowd_lane", "crowds"]


def busiest_port(collectives: tuple[Collective, ...]) -> int:
    """Most flits that any port of a router, or any tile's out engine, must pass for all the
    collectives.
    """
    flits: Counter[tuple] = Counter()
    for c in collectives:
        for tile in [c.root] if c.kind == "multicast" else c.rectangle.tiles():
            flits["out engine", tile] += c.words
        if c.kind == "multicast":
            _spread(flits, c.root, c)
        else:
            _gather(flits, c)
            if c.kind == "allreduce":
                _spread(flits, c.root, c)
    return max(flits.values())


def _spread(flits: Counter, source: TileXY, c: Collective) -> None:
    """XY tree of a multicast: along the source's row, then along every column of the rectangle."""
    x0, y0, x1, y1 = c.rectangle
    sx, sy = source
    flits["data", source, "from tile"] += c.words
    for x in range(sx, max(x1, sx)):
        flits["data", (x, sy), "east"] += c.words
    for x in range(min(x0, sx) + 1, sx + 1):
        flits["data", (x, sy), "west"] += c.words
    for x in range(x0, x1 + 1):
        for y in range(sy, max(y1, sy)):
            flits["data", (x, y), "north"] += c.words
        for y in range(min(y0, sy) + 1, sy + 1):
            flits["data", (x, y), "south"] += c.words
    for tile in c.rectangle.tiles():
        flits["data", tile, "to tile"] += c.words


def _gather(flits: Counter, c: Collective) -> None:
    """YX tree of a reduction: along every column to the root's row, then along that row to the
    root.
    """
    x0, y0, x1, y1 = c.rectangle
    rx, ry = c.root
    for x in range(x0, x1 + 1):
        for y in range(min(y0, ry), ry):
            flits["reduce", (x, y), "north"] += c.words
        for y in range(ry + 1, max(y1, ry) + 1):
            flits["reduce", (x, y), "south"] += c.words
    for x in range(min(x0, rx), rx):
        flits["reduce", (x, ry), "east"] += c.words
    for x in range(rx + 1, max(x1, rx) + 1):
        flits["reduce", (x, ry), "west"] += c.words
    flits["reduce", c.root, "to tile"] += c.words


def crowds(machine: Machine, words: int = 64) -> dict[str, tuple[Collective, ...]]:
    """The sets by name, each collective of `words` flits."""
    columns, rows = machine.mesh.columns, machine.mesh.rows
    whole = Rectangle(0, 0, columns - 1, rows - 1)

    def row(y: int) -> Rectangle:
        return Rectangle(0, y, columns - 1, y)

    def column(x: int) -> Rectangle:
        return Rectangle(x, 0, x, rows - 1)

    def one(kind: str, rectangle: Rectangle, root: TileXY) -> Collective:
        return Collective(kind, "hardware", rectangle, root, words, 0, 0)

    corners = dict.fromkeys([(0, 0), (columns - 1, 0), (0, rows - 1), (columns - 1, rows - 1)])
    return {
        "every row multicasts": tuple(one("multicast", row(y), (0, y)) for y in range(rows)),
        "every row reduces": tuple(one("reduce", row(y), (0, y)) for y in range(rows)),
        "every row all-reduces": tuple(one("allreduce", row(y), (0, y)) for y in range(rows)),
        "all-gather in every row": tuple(
            one("multicast", row(y), (x, y)) for y in range(rows) for x in range(columns)
        ),
        "rows and columns multicast": (
            *(one("multicast", row(y), (0, y)) for y in range(rows)),
            *(one("multicast", column(x), (x, 0)) for x in range(columns)),
        ),
        "columns multicast, rows reduce": (
            *(one("multicast", column(x), (x, 0)) for x in range(columns)),
            *(one("reduce", row(y), (0, y)) for y in range(rows)),
        ),
        "broadcasts from four corners": tuple(
            one("multicast", whole, corner) for corner in corners
        ),
        "4 multicasts per row, one behind the other": tuple(
            one("multicast", row(y), (0, y)) for y in range(rows) for _ in range(4)
        ),
        "4 reductions per row, one behind the other": tuple(
            one("reduce", row(y), (0, y)) for y in range(rows) for _ in range(4)
        ),
        "4 all-reductions per row, roots apart": tuple(
            one("allreduce", row(y), (i * (columns - 1) // 3, y))
            for y in range(rows)
            for i in range(4)
        ),
    }


def crowd_lane(machine: Machine, words: int = 64) -> list[SeriesLane]:
    """Runs of the whole mesh in which the sets follow each other, as few as the tags allow; keys
    are ("crowd", name).
    """
    whole = Rectangle(0, 0, machine.mesh.columns - 1, machine.mesh.rows - 1)
    lanes, tags = [SeriesLane(whole)], 0
    for name, collectives in crowds(machine, words).items():
        if tags + len(collectives) > 240:
            lanes.append(SeriesLane(whole))
            tags = 0
        lanes[-1].items.append(Item(("crowd", name), collectives))
        tags += len(collectives)
    return lanes
