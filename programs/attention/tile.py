"""What the pieces of one tile's program and its collectives have in common: the tile's data, and
the traces they add to.
"""

from dataclasses import dataclass, field
from typing import Any

from isa.instructions import Queue
from programs.attention.assignment import TileAssignment
from programs.attention.layout import AttentionLayout, AttentionSemaphores
from programs.attention.mapping import AttentionMapping
from programs.attention.workload import Attention
from programs.common.trace import Op, Ref, Trace

__all__ = ["TAGS", "Shared", "TileCode"]

TAGS = {"K": 1, "V": 2, "Q": 4, "O": 6, "MAX": 8, "SUM": 10, "SUM_L": 12}
"""Tags of the transfers: K and V as they are, the others plus the number of the stream."""


@dataclass
class Shared:
    """What the tiles of a compilation need not do again: pieces of traces made before, and their
    operations.
    """

    pieces: dict[tuple, list[list[Op]]] = field(default_factory=dict)
    ops: dict[Op, Op] = field(default_factory=dict)


@dataclass
class TileCode:
    """Traces of one tile, and all that decides what is added to them."""

    workload: Attention
    mapping: AttentionMapping
    layout: AttentionLayout
    semaphores: AttentionSemaphores
    assignment: TileAssignment
    shared: Shared

    def __post_init__(self) -> None:
        self.traces = {queue: Trace(self.shared.ops) for queue in Queue}

    def buffer(self, name: str, index: int) -> tuple[int, int]:
        """L1 word and pitch of the slice of k, v or q in slot (or of stream) `index`."""
        at = self.layout.streams[index].q if name == "q" else getattr(self.layout, name)[index]
        return at, self.layout.v_pitch if name == "v" else self.layout.qk_pitch

    def vector_words(self, rows: int) -> int:
        """Words of one number per row, as they lie below O."""
        return self.layout.streams[0].out - self.layout.running_sums(0, rows)

    def here(self) -> dict[str, Any]:
        """This tile as a rectangle."""
        return {"x0": Ref("x"), "x1": Ref("x"), "y0": Ref("y"), "y1": Ref("y")}

    def row(self) -> dict[str, Any]:
        """Rectangle of this tile's row of the group."""
        return {name: Ref(f"row_{name}") for name in ("x0", "x1", "y0", "y1")}

    def sharers(self, name: str) -> dict[str, Any]:
        """Rectangle of the tiles that share a slice of k, v or q."""
        if name == "q":
            return self.row()
        return {"x0": Ref("x"), "x1": Ref("x"), "y0": Ref("column_y0"), "y1": Ref("column_y1")}
