"""What a view shows and in which order: a tree of groups and rows, the same for every viewer."""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from enum import Enum

from isa.errors import UserError
from isa.geometry import TileXY
from isa.instructions import Queue
from waves.views.header import DeclaredSignal, Header
from waves.views.translations import TRANSLATIONS, Translation

__all__ = ["Colour", "Group", "Radix", "Row", "arrange", "rows"]

FLIT = (
    "valid",
    "ready",
    "kind",
    "op",
    "fmt",
    "tag",
    "turn",
    "seq",
    "x0",
    "y0",
    "x1",
    "y1",
    "root_x",
    "root_y",
    "addr",
    "bump",
    "sem",
)
REQUEST = (
    "valid",
    "ready",
    "write",
    "program",
    "tag",
    "x",
    "y",
    "edge",
    "addr",
    "rows",
    "words",
    "x0",
    "y0",
    "x1",
    "y1",
    "bump",
    "sem",
)
ENGINE = (
    "state",
    "opcode",
    "slot",
    "tag",
    "rows",
    "words",
    "issue",
    "done",
    "active",
    "operand_stall",
    "drain_stall",
    "stall",
    "wait_sem",
    "pc",
)
TOP = ("cycle", "last", "finished", "clk")
QUEUES = tuple(queue.name.lower() for queue in Queue)
ORDER = {"data": FLIT, "reduce": FLIT, "request": REQUEST, **dict.fromkeys(QUEUES, ENGINE)}
"""Kind of scope to the order of its rows; signals that are not named come last, as declared."""

NETWORKS = ("data", "request", "reduce")
ENDS = ("inject", "eject")
SIDES = ("west", "east", "south", "north")


class Radix(Enum):
    """How a number is written."""

    BIT = "bit"
    UNSIGNED = "unsigned"
    HEX = "hex"


class Colour(Enum):
    """What a row is about."""

    PLAIN = "plain"
    HANDSHAKE = "handshake"
    TRANSFER = "transfer"
    PLACE = "place"
    WORK = "work"
    STALL = "stall"


COLOURS = {
    Colour.HANDSHAKE: ("valid", "ready", "issue", "done"),
    Colour.TRANSFER: ("kind", "op", "fmt", "tag", "turn", "seq", "write", "program", "bump"),
    Colour.PLACE: ("x", "y", "edge", "x0", "y0", "x1", "y1", "root_x", "root_y"),
    Colour.WORK: ("cycle", "state", "opcode", "active"),
    Colour.STALL: ("waits", "wait_sem", "operand_stall", "drain_stall", "stall", "error"),
}
COLOUR_OF = {name: colour for colour, names in COLOURS.items() for name in names}
TRANSLATION_OF = {
    "state": "queue_state",
    "opcode": "opcode",
    "kind": "flit_kind",
    "op": "reduce_op",
    "fmt": "format",
    "edge": "edge_port",
    "waits": "l1_waits",
}
"""Name of a signal to the names of its values."""


@dataclass(frozen=True)
class Row:
    """A signal as a view shows it."""

    label: str
    """What it is called: unlike any other row, so that rows of several tiles can be put side by
    side.
    """
    signal: DeclaredSignal

    @property
    def translation(self) -> Translation | None:
        """Names of its values, if it is no mere number."""
        return TRANSLATIONS.get(TRANSLATION_OF.get(self.signal.name, ""))

    @property
    def radix(self) -> Radix:
        """How its number is written."""
        if self.signal.width == 1:
            return Radix.BIT
        return Radix.HEX if self.signal.name == "addr" or self.translation else Radix.UNSIGNED

    @property
    def colour(self) -> Colour:
        """What it is about."""
        return COLOUR_OF.get(self.signal.name, Colour.PLAIN)


@dataclass(frozen=True)
class Group:
    """Rows and groups that fold together."""

    label: str
    items: tuple["Row | Group", ...]
    unfolded: bool = False


def arrange(header: Header, tiles: Collection[TileXY] | None = None) -> Group:
    """The whole view, as one unfolded group: the run, the engines' states, each tile, the HBM
    channels.

    Parameters
    ----------
    header
        What the VCD declares.
    tiles
        Tiles to show, with the channels at them; all of them if None.

    Raises
    ------
    UserError
        If a tile is not in the VCD.
    """
    shown = (
        header.tiles
        if tiles is None
        else tuple(tile for tile in header.tiles if tile in set(tiles))
    )
    missing = set(tiles or ()) - set(header.tiles)
    if missing or not shown:
        asked = f"no tile {min(missing)}" if missing else "no tile to show"
        raise UserError(f"{header.path}: {asked}; the VCD has {_span(header.tiles)}")
    return _group(
        "waves",
        [
            *_rows(header, "", "", TOP),
            _group("machine", _rows(header, "machine", "machine")),
            _states(header, shown),
            *(_tile(header, tile, unfolded=tile == shown[0]) for tile in shown),
            _group(
                "hbm channels",
                [
                    _channel(header, *channel)
                    for channel in header.channels.items()
                    if channel[1][1] in shown
                ],
            ),
        ],
        unfolded=True,
    )


def rows(group: Group) -> Iterator[Row]:
    """Every row, in order."""
    for item in group.items:
        yield from rows(item) if isinstance(item, Group) else [item]


def _span(tiles: tuple[TileXY, ...]) -> str:
    return f"tiles {tiles[0]} to {tiles[-1]}" if tiles else "no tiles"


def _group(label: str, items: Sequence[Row | Group], *, unfolded: bool = False) -> Group:
    """A group without the groups that are empty."""
    return Group(
        label, tuple(item for item in items if not isinstance(item, Group) or item.items), unfolded
    )


def _rows(header: Header, scope: str, prefix: str = "", order: tuple[str, ...] = ()) -> list[Row]:
    place = {name: index for index, name in enumerate(order)}
    signals = sorted(
        header.scopes.get(scope, ()), key=lambda signal: place.get(signal.name, len(order))
    )
    return [Row(f"{prefix} {signal.name}".strip(), signal) for signal in signals]


def _states(header: Header, tiles: Sequence[TileXY]) -> Group:
    """The states of every engine under each other: who waits while who works."""

    def states(queue: str) -> list[Row]:
        signals = {
            tile: header.scopes.get(f"tile_{tile[0]}_{tile[1]}.{queue}", ()) for tile in tiles
        }
        return [
            Row(f"{x},{y} {queue}", signal)
            for (x, y), found in signals.items()
            for signal in found
            if signal.name == "state"
        ]

    return _group(
        "states of all engines",
        [_group(f"{queue} states", states(queue)) for queue in QUEUES],
        unfolded=True,
    )


def _tile(header: Header, tile: TileXY, *, unfolded: bool) -> Group:
    """Everything of a tile; unfolded to the rows that show what it does and what it sends and
    receives.
    """
    x, y = tile

    def rows_of(scope: str) -> list[Row]:
        return _rows(
            header,
            f"tile_{x}_{y}.{scope}",
            f"{x},{y} {scope.replace('_', ' ')}",
            ORDER.get(scope.split("_")[0], ()),
        )

    def group(scope: str, *, unfolded: bool = False) -> Group:
        return _group(f"{x},{y} {scope.replace('_', ' ')}", rows_of(scope), unfolded=unfolded)

    ends = [group(f"{network}_{end}", unfolded=unfolded) for network in NETWORKS for end in ENDS]
    return _group(
        f"tile {x},{y}",
        [
            *rows_of("status"),
            *rows_of("l1"),
            *(group(queue, unfolded=unfolded) for queue in QUEUES),
            _group(f"{x},{y} collectives: in and out", ends, unfolded=unfolded),
            *(
                _group(f"{x},{y} {network} links", [group(f"{network}_{side}") for side in SIDES])
                for network in NETWORKS
            ),
            _group(f"{x},{y} semaphores", rows_of("sem")),
        ],
        unfolded=unfolded,
    )


def _channel(header: Header, scope: str, place: tuple[str, TileXY]) -> Group:
    edge, (x, y) = place
    name = f"hbm {scope.split('_')[1]}"
    return _group(f"{name}, {edge} of tile {x},{y}", _rows(header, f"{scope}.data", name, FLIT))
