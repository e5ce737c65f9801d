"""Links between dies, and the routes over them."""

from collections import deque
from dataclasses import dataclass
from functools import cache
from itertools import pairwise

from isa.errors import UserError
from model.wafer.description import DieFabric

__all__ = ["DieLink", "Topology"]


@dataclass(frozen=True)
class DieLink:
    """A directed link from node `source` to node `target`; nodes below the number of dies are dies,
    the others switches.
    """

    source: int
    target: int
    width: int = 1
    """Parallel links that act as one."""


class Topology:
    """All directed links of a fabric, and one fixed route for each pair of dies.

    Mesh and torus route along x, then along y; a torus the shorter way round, east and north where
    both are equally long. In a fat tree, the destination chooses the spine, so that all that comes
    to one die comes the same way and different dies share the spines evenly. Where a broken link
    is on the route, the route is a shortest one.

    Raises
    ------
    UserError
        If broken links leave dies unconnected.
    """

    def __init__(self, fabric: DieFabric) -> None:
        self.fabric = fabric
        self.dies = fabric.dies
        self.links = _tree_links(fabric) if fabric.shape == "fat-tree" else _grid_links(fabric)
        self.index = {(link.source, link.target): i for i, link in enumerate(self.links)}
        self._out: dict[int, list[int]] = {}
        for link in self.links:
            self._out.setdefault(link.source, []).append(link.target)
        if missing := set(range(self.dies)) - self._distances(0).keys():
            raise UserError(f"fabric: die {min(missing)} is not connected to die 0")

    @cache  # noqa: B019  # topologies are few and live as long as the program
    def route(self, source: int, target: int) -> tuple[int, ...]:
        """Indices of the links from one die to another, in order; none to itself."""
        nodes = self._nodes(source, target)
        steps = list(pairwise(nodes))
        if any(step not in self.index for step in steps):
            nodes = self._shortest(source, target)
            steps = list(pairwise(nodes))
        return tuple(self.index[step] for step in steps)

    def hops(self, source: int, target: int) -> int:
        """Links on the route."""
        return len(self.route(source, target))

    def tree(self, source: int, targets: tuple[int, ...]) -> dict[int, tuple[int, ...]]:
        """DieLink to the targets behind it, of a multicast along the routes to all targets."""
        behind: dict[int, list[int]] = {}
        for target in targets:
            for link in self.route(source, target):
                behind.setdefault(link, []).append(target)
        return {link: tuple(reached) for link, reached in behind.items()}

    def _nodes(self, source: int, target: int) -> list[int]:
        if source == target:
            return [source]
        if self.fabric.shape == "fat-tree":
            leaf = self.fabric.leaf_dies
            up, down = (self.dies + die // leaf for die in (source, target))
            if up == down:
                return [source, up, target]
            spine = self.dies + self.dies // leaf + target % self.fabric.spines
            return [source, up, spine, down, target]
        columns, rows = self.fabric.columns, self.fabric.rows
        ring = self.fabric.shape == "torus"
        x, y = source % columns, source // columns
        nodes = [source]
        for step in _steps(target % columns - x, columns, ring):
            x = (x + step) % columns
            nodes.append(y * columns + x)
        for step in _steps(target // columns - y, rows, ring):
            y = (y + step) % rows
            nodes.append(y * columns + x)
        return nodes

    def _distances(self, target: int) -> dict[int, int]:
        """Hops from each node that reaches the target; links go both ways."""
        found, queue = {target: 0}, deque([target])
        while queue:
            node = queue.popleft()
            for other in self._out.get(node, ()):
                if other not in found:
                    found[other] = found[node] + 1
                    queue.append(other)
        return found

    def _shortest(self, source: int, target: int) -> list[int]:
        away, nodes = self._distances(target), [source]
        while nodes[-1] != target:
            nodes.append(min(self._out[nodes[-1]], key=lambda node: (away[node], node)))
        return nodes


def _steps(distance: int, size: int, ring: bool) -> list[int]:
    if ring and 2 * abs(distance) > size:
        distance -= size if distance > 0 else -size
    elif ring and 2 * distance == -size:
        distance = -distance
    return [1 if distance > 0 else -1] * abs(distance)


def _grid_links(fabric: DieFabric) -> list[DieLink]:
    columns, rows, ring = fabric.columns, fabric.rows, fabric.shape == "torus"
    pairs = set()
    for y in range(rows):
        for x in range(columns):
            die = y * columns + x
            if x + 1 < columns or (ring and columns > 2):
                pairs.add((die, y * columns + (x + 1) % columns))
            if y + 1 < rows or (ring and rows > 2):
                pairs.add((die, (y + 1) % rows * columns + x))
    both = pairs | {(b, a) for a, b in pairs}
    broken = {pair for a, b in fabric.broken for pair in ((a, b), (b, a))}
    if unknown := broken - both:
        raise UserError(f"fabric.broken: dies {list(min(unknown))} are not neighbours")
    return [DieLink(a, b) for a, b in sorted(both - broken)]


def _tree_links(fabric: DieFabric) -> list[DieLink]:
    leaves, found = fabric.dies // fabric.leaf_dies, []
    for die in range(fabric.dies):
        found.append((die, fabric.dies + die // fabric.leaf_dies))
    for leaf in range(leaves):
        for spine in range(fabric.spines if leaves > 1 else 0):
            found.append((fabric.dies + leaf, fabric.dies + leaves + spine))
    return [DieLink(a, b, fabric.trunk) for a, b in sorted({*found, *((b, a) for a, b in found)})]
