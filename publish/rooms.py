"""The rooms of the house and the imports between them, read from the sources and drawn.

A room is a top-level package. What it is for is the first sentence of its docstring.
"""

import ast
import textwrap
from html import escape
from pathlib import Path

from tb.runner import ROOT

__all__ = ["imported", "imports", "picture", "purpose", "thinned"]

WIDTH, HEIGHT, GAP = 300, 96, 44
"""Of a box, in pixels, and what is left between two."""
LETTERS = 46
"""Letters of a purpose in a line of a box."""

Arrows = dict[str, set[str]]
"""Room to the rooms that it imports."""


def imports(root: Path = ROOT) -> Arrows:
    """Find the imports between the rooms below `root`, wherever in a file they stand."""
    rooms = {path.parent.name for path in root.glob("*/__init__.py")}
    return {
        room: {name for path in (root / room).rglob("*.py") for name in imported(path)}
        & (rooms - {room})
        for room in sorted(rooms)
    }


def imported(path: Path) -> set[str]:
    """First parts of the names of the modules that a file imports."""
    names = []
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            names.append(node.module)
    return {name.split(".")[0] for name in names}


def purpose(room: str, root: Path = ROOT) -> str:
    """First sentence of a room's docstring."""
    text = ast.get_docstring(ast.parse((root / room / "__init__.py").read_text())) or ""
    first, *_ = " ".join(text.partition("\n\n")[0].split()).partition(". ")
    return first.removesuffix(".").replace("`", "")


def thinned(arrows: Arrows) -> Arrows:
    """Leave out every arrow that a longer way stands for. No arrows may form a circle."""

    def reached(room: str) -> set[str]:
        return set().union(*({other} | reached(other) for other in arrows[room]))

    return {room: to - set().union(*map(reached, to)) for room, to in arrows.items()}


def picture(root: Path = ROOT) -> str:
    """SVG of the rooms, each above all that it imports; arrows lead from a room to what it imports,
    directly where no other room lies between.
    """
    arrows = thinned(imports(root))
    places = _places(arrows)
    rows = 1 + max(row for _, row in places.values())
    columns = max(column for column, _ in places.values()) + 1
    width, height = columns * (WIDTH + GAP) + GAP, rows * (HEIGHT + GAP) + GAP
    corners = {
        room: (GAP + column * (WIDTH + GAP), GAP + (rows - 1 - row) * (HEIGHT + GAP))
        for room, (column, row) in places.items()
    }
    drawn = [_box(room, purpose(room, root), *corners[room]) for room in arrows]
    drawn += [_arrow(corners[a], corners[b]) for a, to in arrows.items() for b in sorted(to)]
    return _SVG.format(width=f"{width:g}", height=height, drawn="\n".join(drawn))


def _places(arrows: Arrows) -> dict[str, tuple[float, int]]:
    """Column and row of each room: rows from the bottom, in one the rooms that fewer import to the
    left.
    """

    def row_of(room: str) -> int:
        return max((1 + row_of(other) for other in arrows[room]), default=0)

    def importers(room: str) -> int:
        return sum(room in to for to in arrows.values())

    rows: dict[int, list[str]] = {}
    for room in sorted(arrows, key=lambda room: (importers(room), room)):
        rows.setdefault(row_of(room), []).append(room)
    most = max(map(len, rows.values()))
    return {
        room: ((most - len(found)) / 2 + column, row)
        for row, found in rows.items()
        for column, room in enumerate(found)
    }


def _box(room: str, text: str, x: float, y: float) -> str:
    lines = textwrap.wrap(text, LETTERS)
    said = "\n".join(
        f'<text x="{x + 12:g}" y="{y + 46 + 17 * i:g}">{escape(line, quote=False)}</text>'
        for i, line in enumerate(lines)
    )
    return (
        f'<rect x="{x:g}" y="{y:g}" width="{WIDTH}" height="{HEIGHT}" rx="6"/>\n'
        f'<text x="{x + 12:g}" y="{y + 24:g}" class="room">{room}</text>\n{said}'
    )


def _arrow(start: tuple[float, float], end: tuple[float, float]) -> str:
    """From the bottom of a box to the top of another; past rows in between, from its side."""
    (x, y), (to_x, to_y) = start, end
    middle = to_x + WIDTH / 2
    if to_y - y > HEIGHT + GAP and x != to_x:
        side = x + WIDTH if to_x > x else x
        return f'<path d="M {side:g} {y + HEIGHT / 2:g} H {middle:g} V {to_y - 2:g}"/>'
    return f'<path d="M {x + WIDTH / 2:g} {y + HEIGHT:g} L {middle:g} {to_y - 2:g}"/>'


_SVG = """<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" \
font-family="Helvetica, Arial, sans-serif" font-size="12">
<!-- Made by publish/rooms.py: make docs. -->
<style>
rect {{ fill: #f4f6fa; stroke: #44546a; }}
path {{ fill: none; stroke: #44546a; stroke-width: 1.4; marker-end: url(#head); }}
text {{ fill: #222; }}
.room {{ font-size: 15px; font-weight: bold; }}
</style>
<defs><marker id="head" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" markerHeight="7" \
orient="auto"><path d="M 0 0 L 8 4 L 0 8 z" style="fill: #44546a; stroke: none; marker-end: none"/>\
</marker></defs>
<rect width="{width}" height="{height}" style="fill: #fff; stroke: none"/>
{drawn}
</svg>
"""
