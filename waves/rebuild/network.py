"""One network of a recording as one sequence of flits, in the order in which they were taken."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import groupby, pairwise

import numpy as np
from numpy.typing import NDArray

from isa.geometry import OPPOSITE, TileXY
from isa.machine import Mesh
from isa.packets import Port
from waves.read.recording import Link, Recording
from waves.rebuild.inspection import area

__all__ = ["End", "NetworkFlits", "Take", "describe", "mesh_of"]

End = tuple[TileXY, Port]
"""A port of a router."""
Take = tuple[int, int, int, int]
"""A flit that is taken: cycle, link, its number on the link, its header."""


@dataclass
class NetworkFlits:
    """The links of one network, numbered, with what was taken on them.

    Attributes
    ----------
    links
        By number.
    leaves
        The output of a router at which a link begins; None where a tile or a channel puts flits in.
    enters
        The input of a router at which it ends; None where they leave the network.
    headers
        Every header that occurs once, by number: its fields in the order of `names`.
    owners, fork_wait, join_wait
        For each link, what is found out of each of its flits: the number of its message (-1:
        unknown), and cycles.
    transfers
        For each link, the number of each flit's transfer (-1: unknown), once messages are put
        together.
    """

    mesh: Mesh
    links: list[Link]
    leaves: list[End | None]
    enters: list[End | None]
    names: tuple[str, ...]
    headers: list[tuple[int, ...]]
    ids: list[NDArray[np.int64]]
    taken: list[NDArray[np.int32]]
    offered: list[NDArray[np.int32]]
    owners: list[NDArray[np.int32]] = field(default_factory=list)
    transfers: list[NDArray[np.int32]] = field(default_factory=list)
    fork_wait: list[NDArray[np.int32]] = field(default_factory=list)
    join_wait: list[NDArray[np.int32]] = field(default_factory=list)

    @classmethod
    def of(cls, recording: Recording, name: str) -> "NetworkFlits":
        """The network called ``data``, ``request`` or ``reduce``."""
        mesh = mesh_of(recording)
        links = [link for link in recording.traffic if link.network == name]
        traffic = [recording.traffic[link] for link in links]
        names = tuple(traffic[0].header)
        table = np.concatenate(
            [np.stack([t.header[field] for field in names], axis=1) for t in traffic]
        )
        headers, ids = _numbered(table)
        ends = np.cumsum([0, *(len(t) for t in traffic)])
        network = cls(
            mesh,
            links,
            [_leaves(link) for link in links],
            [_enters(link, mesh) for link in links],
            names,
            headers,
            [ids[a:b] for a, b in pairwise(ends)],
            [t.taken for t in traffic],
            [t.offered for t in traffic],
        )
        network.owners = [np.full(len(t), -1, np.int32) for t in traffic]
        network.fork_wait = [np.zeros(len(t), np.int32) for t in traffic]
        network.join_wait = [np.zeros(len(t), np.int32) for t in traffic]
        return network

    def link(self, tile: TileXY, port: str) -> int | None:
        """Number of a link; None if the mesh does not have it."""
        return next(
            (i for i, link in enumerate(self.links) if (link.tile, link.port) == (tile, port)), None
        )

    def column(self, name: str) -> NDArray[np.int64]:
        """One field of every header."""
        return np.array([header[self.names.index(name)] for header in self.headers], np.int64)

    def cycles(self) -> Iterator[list[Take]]:
        """What is taken, cycle by cycle."""
        numbers = np.concatenate([np.full(len(t), i) for i, t in enumerate(self.taken)])
        places = np.concatenate([np.arange(len(t)) for t in self.taken])
        taken, ids = np.concatenate(self.taken), np.concatenate(self.ids)
        order = np.lexsort((numbers, taken))
        order = order[taken[order] >= 0]
        columns = (taken[order], numbers[order], places[order], ids[order])
        takes = zip(*(column.tolist() for column in columns), strict=True)
        for _, group in groupby(takes, key=lambda take: take[0]):
            yield list(group)

    def named(self, header: int) -> dict[str, int]:
        """A header's fields by name."""
        return dict(zip(self.names, self.headers[header], strict=True))


def mesh_of(recording: Recording) -> Mesh:
    """The mesh, as far as routes depend on it."""
    return Mesh(columns=recording.facts.columns, rows=recording.facts.rows)


def describe(network: str, header: dict[str, int]) -> str:
    """One flit in words."""
    to = area((header["x0"], header["y0"], header["x1"], header["y1"]))
    if network == "reduce":
        return (
            f"word {header['seq']} of the {'all-reduce' if header['turn'] else 'reduction'} with "
            f"tag {header['tag']} over {to} to ({header['root_x']},{header['root_y']})"
        )
    if network == "request":
        what = "write" if header["write"] else "read"
        return (
            f"{what} request with tag {header['tag']} to word {header['addr']:#x} of the channel "
            f"at ({header['x']},{header['y']})"
        )
    what = "signal" if header["kind"] == 2 else f"word for L1 address {header['addr']:#x}"
    return f"{what} with tag {header['tag']} to {to}"


def _numbered(table: NDArray) -> tuple[list[tuple[int, ...]], NDArray[np.int64]]:
    """The different rows of a table, and for each row which of them it is."""
    rows = np.ascontiguousarray(table, np.int32)
    raw = rows.view(np.dtype((np.void, rows.dtype.itemsize * rows.shape[1]))).ravel()
    _, first, ids = np.unique(raw, return_index=True, return_inverse=True)
    return [tuple(row) for row in rows[first].tolist()], ids.astype(np.int64)


def _leaves(link: Link) -> End | None:
    if link.port == "inject" or link.port.startswith("hbm_"):
        return None
    return link.tile, Port.LOCAL if link.port == "eject" else Port[link.port.upper()]


def _enters(link: Link, mesh: Mesh) -> End | None:
    if link.port == "inject":
        return link.tile, Port.LOCAL
    if link.port.startswith("hbm_"):
        return link.tile, Port[link.port.removeprefix("hbm_").upper()]
    if link.port == "eject" or not (0 <= link.to[0] < mesh.columns and 0 <= link.to[1] < mesh.rows):
        return None
    return link.to, OPPOSITE[Port[link.port.upper()]]
