"""Reductions under way: who has posted what, what goes together, and whether all tiles agree on the
order.
"""

from collections import deque
from dataclasses import dataclass
from graphlib import CycleError, TopologicalSorter
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from golden.errors import GoldenError
from golden.reduction import combine
from golden.storage import dtype_of
from isa.geometry import Rectangle, TileXY
from isa.instructions import Format, ReduceOp
from isa.status import ErrorCode

__all__ = ["Contribution", "Reductions"]

Key = tuple[Rectangle, TileXY, int]


@dataclass(frozen=True, slots=True)
class Contribution:
    """What every member must agree on but for its data: the header of its flits.

    `pitch` is 0 where there is one row only, so that equal addresses compare equal.
    """

    rectangle: Rectangle
    root: TileXY
    tag: int
    op: ReduceOp
    fmt: Format
    turn: bool
    rows: int
    words: int
    remote: int
    pitch: int
    semaphore: int | None

    @property
    def key(self) -> Key:
        """What the network matches on."""
        return self.rectangle, self.root, self.tag


class Reductions:
    """Matches the members' contributions by rectangle, root and tag, each member's in the order it
    posted them.
    """

    def __init__(self) -> None:
        self._posted: dict[Key, dict[TileXY, deque[tuple[Contribution, NDArray[np.uint32]]]]] = {}
        self._order: dict[TileXY, list[tuple[Key, int]]] = {}
        self._numbers: dict[tuple[TileXY, Key], int] = {}

    def post(
        self, tile: TileXY, header: Contribution, data: NDArray[np.uint32]
    ) -> NDArray[np.uint32] | None:
        """Add a member's contribution; gives the combined words once the last member has posted.

        Raises
        ------
        GoldenError
            REDUCE_MISMATCH, if the members do not agree; it names one that differs from the last to
            post.
        """
        number = self._numbers.get((tile, header.key), 0)
        self._numbers[tile, header.key] = number + 1
        self._order.setdefault(tile, []).append((header.key, number))
        members = self._posted.setdefault(header.key, {})
        members.setdefault(tile, deque()).append((header, data))
        tiles = header.rectangle.tiles()
        if len(members) < len(tiles):
            return None
        parts = {}
        for member in tiles:
            theirs, part = members[member].popleft()
            parts[member] = part.view(
                np.float32 if header.fmt == Format.FP32 else dtype_of(header.fmt)
            )
            if theirs != header:
                raise _mismatch(theirs, member, header, tile)
            if not members[member]:
                del members[member]
        return combine(parts, header.rectangle, header.root, header.op, header.fmt).view(np.uint32)

    def pending(self) -> list[str]:
        """One line for each reduction that some members have posted and others not."""
        lines = []
        for (rectangle, root, tag), members in self._posted.items():
            if members:
                missing = [tile for tile in rectangle.tiles() if tile not in members]
                lines.append(
                    f"reduction tag {tag} over {tuple(rectangle)} to {root}: posted by "
                    f"{_some(list(members))}, not by {_some(missing)}"
                )
        return lines

    def check_order(self) -> None:
        """Refuse a run in which tiles issued the same reductions in different orders: on hardware
        they hang.

        A tile injects its reductions in order through one queue, so that each waits for all that
        were issued before it by any of its members; there must be one order that suits everybody.

        Raises
        ------
        GoldenError
            REDUCE_MISMATCH, naming the tags on the cycle.
        """
        before: dict[tuple[Key, int], set[tuple[Key, int]]] = {}
        for order in self._order.values():
            for first, second in pairwise(order):
                before.setdefault(second, set()).add(first)
        try:
            TopologicalSorter(before).prepare()
        except CycleError as error:
            cycle = error.args[1]
            tags = " before ".join(f"tag {key[2]}" for key, _ in cycle)
            tile = next(
                tile
                for tile, order in self._order.items()
                if cycle[0] in order and cycle[1] in order
            )
            raise GoldenError(
                ErrorCode.REDUCE_MISMATCH,
                f"reductions are issued in conflicting orders: {tags}",
                tile=tile,
                detail=cycle[0][0][2],
            ) from None


def _mismatch(
    theirs: Contribution, member: TileXY, ours: Contribution, tile: TileXY
) -> GoldenError:
    differs = ((name, getattr(theirs, name), getattr(ours, name)) for name in ours.__slots__)
    values = ", ".join(
        f"{name} {here} here, {there} at {tile}" for name, here, there in differs if here != there
    )
    return GoldenError(
        ErrorCode.REDUCE_MISMATCH,
        f"reduction tag {ours.tag}: {values}",
        tile=member,
        detail=ours.tag,
    )


def _some(tiles: list[TileXY]) -> str:
    text = " ".join(f"({x},{y})" for x, y in tiles[:8])
    return text + (f" and {len(tiles) - 8} more" if len(tiles) > 8 else "")
