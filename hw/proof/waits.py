"""Who waits for whom, as a graph that names a cycle if there is one."""

from collections import deque
from collections.abc import Mapping

import numpy as np
from numpy.typing import ArrayLike, NDArray

__all__ = ["WaitGraph"]


class WaitGraph:
    """Buffers of a mesh, and an edge from each to every buffer that one of its items may have to
    wait for.

    A buffer is a kind, such as ``data west``, at a tile (x, y). All methods take arrays of
    positions, so that a mesh of a thousand tiles is a few dozen calls.

    Parameters
    ----------
    columns, rows : int
        Extent of the mesh.
    """

    def __init__(self, columns: int, rows: int):
        self._columns, self._rows = columns, rows
        self._kinds: dict[str, int] = {}
        self._edges: list[NDArray[np.int64]] = []
        self.x, self.y = np.arange(columns)[:, None], np.arange(rows)[None, :]

    def wait(
        self, kind: str, wanted: str, where: ArrayLike = True, *, at: tuple[int, int] = (0, 0)
    ) -> None:
        """Let `kind` of each tile wait for `wanted` of the tile `at` columns and rows further on.

        `where` selects tiles: (columns, rows) of bool.
        """
        x, y = np.nonzero(np.broadcast_to(where, (self._columns, self._rows)))
        there_x, there_y = x + at[0], y + at[1]
        if not (
            (there_x >= 0) & (there_x < self._columns) & (there_y >= 0) & (there_y < self._rows)
        ).all():
            raise ValueError(
                f"{kind}: must wait for buffers inside the mesh, not at {at} from "
                f"({x.max()},{y.max()})"
            )
        self._edges.append(
            np.stack([self._number(kind, x, y), self._number(wanted, there_x, there_y)], axis=1)
        )

    def _number(self, kind: str, x: NDArray, y: NDArray) -> NDArray[np.int64]:
        index = self._kinds.setdefault(kind, len(self._kinds))
        return (index * self._columns + x) * self._rows + y

    def name(self, buffer: int) -> str:
        """Kind and place of a buffer."""
        place, y = divmod(int(buffer), self._rows)
        kind, x = divmod(place, self._columns)
        return f"{list(self._kinds)[kind]} of ({x},{y})"

    @property
    def edges(self) -> NDArray[np.int64]:
        """All waits, (number, 2) buffers, each once."""
        return np.unique(np.concatenate(self._edges), axis=0)

    @property
    def buffers(self) -> int:
        """Buffers that wait for or are waited for."""
        return len(np.unique(self.edges))

    def named(self) -> set[tuple[str, str]]:
        """All waits by name; for small meshes."""
        return {(self.name(a), self.name(b)) for a, b in self.edges}

    def merged(self, same: Mapping[str, str]) -> "WaitGraph":
        """The graph of a machine in which each kind of `same` shares the buffers of another: what
        if.
        """
        graph = WaitGraph(self._columns, self._rows)
        graph._kinds = dict(self._kinds)
        kinds = np.array([self._kinds[same.get(kind, kind)] for kind in self._kinds])
        kind, place = np.divmod(self.edges, self._columns * self._rows)
        graph._edges = [kinds[kind] * (self._columns * self._rows) + place]
        return graph

    def cycle(self) -> list[str]:
        """Names along a cycle, the first one repeated at the end; empty if there is none."""
        edges = self.edges
        while True:
            # Whoever waits for nobody (any more) will be served: his waits are over.
            kept = edges[np.isin(edges[:, 1], edges[:, 0])]
            if len(kept) == len(edges):
                break
            edges = kept
        if not len(edges):
            return []
        after: dict[int, list[int]] = {}
        for waiting, wanted in edges.tolist():
            after.setdefault(waiting, []).append(wanted)
        at = next(iter(after))
        seen: dict[int, None] = {}
        while at not in seen:
            seen[at] = None
            at = after[at][0]
        return [self.name(buffer) for buffer in _shortest(after, at)]


def _shortest(after: Mapping[int, list[int]], start: int) -> list[int]:
    """The shortest way from a node on a cycle back to itself."""
    came: dict[int, int] = {}
    queue = deque([start])
    while start not in came:
        node = queue.popleft()
        for wanted in after[node]:
            if wanted not in came:
                came[wanted] = node
                queue.append(wanted)
    way = [start]
    while len(way) == 1 or way[-1] != start:
        way.append(came[way[-1]])
    return way[::-1]
