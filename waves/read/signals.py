"""Where a mesh keeps its waves: the signals below the scope ``waves``, which must be there, and how
wide they are.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from isa.errors import UserError
from isa.geometry import TileXY
from isa.instructions import LAYOUTS, Kind, Queue
from isa.machine import MACHINES
from isa.packets import FLITS, SEM_BITS, read_descriptor
from waves.read.recording import DIRECTIONS, Link

__all__ = ["MACHINE", "MOVED", "NETWORKS", "Hierarchy", "find_hierarchy", "needed"]


_TILE = MACHINES["tiny"].tile
"""Any tile: the widths of headers do not depend on it."""

NETWORKS = {
    name: {field.name: field.width for field in flit(_TILE) if field.name != "data"}
    for name, flit in FLITS.items()
}
"""Header fields of each network's flits, and their widths."""
NETWORKS["request"] |= {
    field.name: field.width for field in read_descriptor(_TILE) if field.name in ("rows", "words")
}

MACHINE = (
    "columns",
    "rows",
    "word_bytes",
    "fifo_depth",
    "adder_stages",
    "joins_in_flight",
    "channel_queue",
    "hbm_latency",
    "hbm_bytes_per_cycle",
)
"""Constants in the scope ``machine``."""

MOVED = {
    field.name: field.width
    for field in LAYOUTS[Kind.MOVE]
    if field.name in ("tag", "rows", "words")
}
"""What is shown of a command of the load and out queues."""

_QUEUE = {"state": 3, "wait_sem": SEM_BITS, "issue": 1, "opcode": 8, "slot": 16, "done": 1}
_QUEUES = {
    Queue.MATRIX: _QUEUE | {"active": 1, "operand_stall": 1, "drain_stall": 1},
    Queue.VECTOR: _QUEUE | {"active": 1},
    Queue.LOAD: _QUEUE | MOVED,
    Queue.OUT: _QUEUE | MOVED | {"stall": 1},
}
_SCOPE = "waves"
_AGAIN = "`make waves` writes the VCD of a mesh"


@dataclass(frozen=True)
class Hierarchy:
    """What the names of the signals tell of the mesh.

    Attributes
    ----------
    scope
        Full name of the scope ``waves``; every other name is below it.
    links
        Link to the scope of its handshake and header.
    channels
        Edge, x and y of each HBM channel, by index.
    """

    scope: str
    columns: int
    rows: int
    channels: tuple[tuple[str, int, int], ...]
    links: Mapping[Link, str]

    def tiles(self) -> Iterator[TileXY]:
        """All tiles, row by row."""
        return ((x, y) for y in range(self.rows) for x in range(self.columns))


def find_hierarchy(names: Iterable[str]) -> Hierarchy:
    """Find the scope ``waves``, at any depth, and in it the tiles, channels and links.

    Raises
    ------
    UserError
        If there is no such scope, or more than one, or nothing of a mesh in it.
    """
    names = list(names)
    scopes = sorted(
        {name[: -len(".cycle")] for name in names if re.search(rf"(^|\.){_SCOPE}\.cycle$", name)}
    )
    if len(scopes) != 1:
        found = f"{len(scopes)}: {', '.join(scopes)}" if scopes else "none: another design?"
        raise UserError(
            f"one scope {_SCOPE} with a signal cycle is needed, and there is {found} ({_AGAIN})"
        )
    [scope] = scopes
    below = [name.removeprefix(f"{scope}.") for name in names if name.startswith(f"{scope}.")]
    tiles = {
        (int(m[1]), int(m[2])) for name in below if (m := re.match(r"tile_(\d+)_(\d+)\.", name))
    }
    if not tiles:
        raise UserError(f"the scope {scope} has no scope tile_0_0: another design? ({_AGAIN})")
    columns, rows = (max(axis) + 1 for axis in zip(*tiles, strict=True))
    channels = _channels(below)
    return Hierarchy(scope, columns, rows, channels, _links(columns, rows, channels, below))


def _channels(below: list[str]) -> tuple[tuple[str, int, int], ...]:
    pattern = re.compile(rf"hbm_(\d+)_({'|'.join(DIRECTIONS)})_(\d+)_(\d+)\.")
    found = {
        int(m[1]): (m[2], int(m[3]), int(m[4])) for name in below if (m := pattern.match(name))
    }
    for index in range(len(found)):
        if index not in found:
            raise UserError(f"the signals of HBM channel {index} are missing ({_AGAIN})")
    return tuple(found[index] for index in range(len(found)))


def _links(columns: int, rows: int, channels, below: list[str]) -> dict[Link, str]:
    """All links that a mesh of this size must have, and those at its edges that are shown."""
    shown = {name.rpartition(".")[0] for name in below}
    links = {}
    for y in range(rows):
        for x in range(columns):
            for network in NETWORKS:
                for port in ("inject", "eject", *DIRECTIONS):
                    link, scope = Link(network, (x, y), port), f"tile_{x}_{y}.{network}_{port}"
                    to_channel = network == "request" and (port, x, y) in channels
                    inside = port == "inject" or (
                        0 <= link.to[0] < columns and 0 <= link.to[1] < rows
                    )
                    expected = inside and (network, port) != ("request", "eject")
                    if expected or to_channel or scope in shown:
                        links[link] = scope
    for index, (edge, x, y) in enumerate(channels):
        links[Link("data", (x, y), f"hbm_{edge}")] = f"hbm_{index}_{edge}_{x}_{y}.data"
    return links


def needed(hierarchy: Hierarchy, widths: Mapping[str, int]) -> list[str]:
    """Full names of all signals that make a recording.

    Raises
    ------
    UserError
        If one is missing or has another width.
    """
    wanted: dict[str, int | None] = {"clk": 1, "cycle": 32, "last": 1, "finished": 1} | {
        f"machine.{name}": None for name in MACHINE
    }
    for link, scope in hierarchy.links.items():
        fields = {"valid": 1, "ready": 1} | NETWORKS[link.network]
        wanted |= {f"{scope}.{name}": width for name, width in fields.items()}
    for x, y in hierarchy.tiles():
        for queue, fields in _QUEUES.items():
            wanted |= {
                f"tile_{x}_{y}.{queue.name.lower()}.{name}": width for name, width in fields.items()
            }
        wanted[f"tile_{x}_{y}.l1.waits"] = 6
    wanted = {f"{hierarchy.scope}.{name}": width for name, width in wanted.items()}
    missing = [name for name in wanted if name not in widths]
    if missing:
        more = f" and {len(missing) - 1} more" if len(missing) > 1 else ""
        raise UserError(
            f"the signal {missing[0]}{more} of a {hierarchy.columns}x{hierarchy.rows} mesh is "
            f"missing ({_AGAIN})"
        )
    for name, width in wanted.items():
        if width is not None and widths[name] != width:
            raise UserError(
                f"the signal {name} must have {width} bits, not {widths[name]} ({_AGAIN})"
            )
    return list(wanted)
