"""What the tiling rules of all kinds of workloads have in common: sizes worth trying, and the
order of mappings.
"""

import re
from collections.abc import Callable, Sequence
from typing import Generic, NamedTuple, TypeVar

from isa.errors import UserError
from isa.machine import Machine, Mesh

__all__ = [
    "Estimated",
    "by_merit",
    "check_sizes",
    "close_to",
    "cuts",
    "group_shapes",
    "parse_group",
    "parse_slice",
]

_FINER = 1.2
"""Ratio between the slice sizes that are tried."""
_MARGIN = 1.01
_MOST_SLICE = 1 << 16
"""Rows or keys: more fit no L1."""
M = TypeVar("M")


class Estimated(NamedTuple, Generic[M]):
    """A mapping with its estimate in cycles and the words of L1 that it takes."""

    cycles: float
    words: int
    mapping: M


def by_merit(
    entries: Sequence[Estimated[M]], merit: Callable[[Estimated[M]], tuple[float, ...]]
) -> list[M]:
    """Order mappings: those within 1 % of the smallest estimate by merit (the least first), then
    the others by their estimates.
    """
    limit = close_to(min(entry.cycles for entry in entries))

    def key(entry: Estimated[M]) -> tuple[float, ...]:
        return (1, entry.cycles) if entry.cycles > limit else (0, *merit(entry))

    return [entry.mapping for entry in sorted(entries, key=key)]


def close_to(cycles: float) -> float:
    """The largest estimate that is as good as `cycles`."""
    return cycles * _MARGIN


def check_sizes(**sizes: int | None) -> None:
    """Sizes that the user fixed, by name.

    Raises
    ------
    UserError
        If one is there and is not a whole number from 1 up.
    """
    for name, value in sizes.items():
        if value is not None and (not isinstance(value, int) or value < 1):
            raise UserError(f"{name} must be a whole number from 1 up, not {value!r}")


def group_shapes(mesh: Mesh) -> list[tuple[int, int]]:
    """All shapes, columns and rows, of groups that tile the mesh."""
    return [
        (x, y)
        for x in range(1, mesh.columns + 1)
        for y in range(1, mesh.rows + 1)
        if mesh.columns % x == 0 and mesh.rows % y == 0
    ]


def parse_group(machine: Machine, group: str) -> tuple[int, int]:
    """Read ``COLUMNSxROWS`` of a group that tiles the mesh.

    Raises
    ------
    UserError
        If it does not.
    """
    mesh = machine.mesh
    columns, cross, rows = str(group).partition("x")
    if not (
        cross and columns.isascii() and columns.isdigit() and rows.isascii() and rows.isdigit()
    ):
        raise UserError(f"group must be COLUMNSxROWS (for example 2x2), not {group!r}")
    shape = int(columns), int(rows)
    fold, uneven = divmod(shape[0], mesh.columns)
    if shape[1] == 1 and fold > 1 and not uneven and mesh.rows % fold == 0:
        return shape
    if min(shape) < 1 or mesh.columns % shape[0] or mesh.rows % shape[1]:
        fit = [
            " or ".join(str(n) for n in range(1, size + 1) if size % n == 0)
            for size in (mesh.columns, mesh.rows)
        ]
        folds = [f"{mesh.columns * n}x1" for n in range(2, mesh.rows + 1) if mesh.rows % n == 0]
        folded = f", or {' or '.join(folds)} for one row folded over several of the mesh" * bool(
            folds
        )
        raise UserError(
            f"group must divide the {mesh.columns}x{mesh.rows} mesh: {fit[0]} columns, "
            f"{fit[1]} rows{folded}, not {group!r}"
        )
    return shape


def cuts(total: int, parts: int, grain: int) -> list[int]:
    """List slice sizes worth trying: equal cuts into more and more blocks, rounded up to the
    engine's grain.
    """
    whole = -(-total // parts)
    sizes, cut = set(), 1
    while cut <= whole:
        size = -(-total // (parts * cut))
        sizes.add(size if size < grain else min(-(-size // grain) * grain, whole))
        cut = max(cut + 1, int(cut * _FINER))
    return sorted(sizes, reverse=True)


def parse_slice(text: str) -> dict[str, int]:
    """Read ``ROWSxKEYS`` of a tile's slice; either may be left out, and is chosen by rule then.

    Raises
    ------
    UserError
        If it is something else.
    """
    found = re.fullmatch("([0-9]{0,18})x([0-9]{0,18})", text)
    sizes = (
        {
            name: int(size)
            for name, size in zip(("rows", "columns"), found.groups(), strict=True)
            if size
        }
        if found
        else {}
    )
    if not sizes or not all(1 <= size <= _MOST_SLICE for size in sizes.values()):
        raise UserError(
            "SLICE must be ROWSxKEYS (for example 32x64, 32x or x64), each from 1 to "
            f"{_MOST_SLICE}, not {text!r}"
        )
    return sizes
