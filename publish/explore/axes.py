"""What `make explore` varies of a machine: VARY as axes, and the machine at each point of them."""

import re
from collections.abc import Callable, Mapping, Sequence
from fractions import Fraction
from itertools import product
from typing import Any, NamedTuple

from isa.errors import UserError, meant
from isa.machine import EDGES, Machine
from isa.mistakes import from_fields

__all__ = ["AXES", "Axis", "Place", "machine_at", "parse_vary", "places"]

Place = Mapping[str, str]
"""A value of each axis that is varied, as the user writes it."""


class Axis(NamedTuple):
    """A number of the machine, or of the mapping, that can be varied."""

    meaning: str
    values: Callable[[Machine], Sequence[str]]
    """Those of an axis that is named without any, smallest first."""
    pair: bool = False
    """Whether a value is COLUMNSxROWS, not a number."""


def _shares(of: Callable[[Machine], int], *shares: str) -> Callable[[Machine], Sequence[str]]:
    """Shares of a number of the machine, as far as they are whole."""

    def values(base: Machine) -> Sequence[str]:
        seen = [Fraction(share) * of(base) for share in shares]
        return [str(int(one)) for one in seen if one >= 1 and one.denominator == 1]

    return values


def _sides(*shares: str) -> Callable[[Machine], Sequence[str]]:
    """Likewise of both sides of the mesh."""

    def values(base: Machine) -> Sequence[str]:
        sides = [[Fraction(s) * n for n in (base.mesh.columns, base.mesh.rows)] for s in shares]
        whole = [pair for pair in sides if all(n >= 1 and n.denominator == 1 for n in pair)]
        return [f"{columns}x{rows}" for columns, rows in whole]

    return values


AXES: dict[str, Axis] = {
    "tiles": Axis(
        "COLUMNSxROWS tiles that the same machine is cut into: MACs, lanes and L1 of all tiles "
        "together stay, and so does what crosses a line through the mesh",
        _sides("1/2", "1", "2"),
        pair=True,
    ),
    "link": Axis(
        "bits of a link; L1 keeps the bytes of a line",
        _shares(lambda m: m.tile.link_bits, "1/2", "1"),
    ),
    "hbm": Axis(
        "bytes a cycle of all channels", _shares(lambda m: m.hbm_bytes_per_cycle, "1/4", "1/2", "1")
    ),
    "lanes": Axis("vector lanes", _shares(lambda m: m.tile.vector_lanes, "1/4", "1/2", "1")),
    "l1": Axis("KiB of L1", _shares(lambda m: m.tile.l1_bytes >> 10, "1/4", "1/2", "1")),
    "group": Axis("COLUMNSxROWS tiles of a group", _sides("1/4", "1/2", "1"), pair=True),
}
"""By the name in VARY. Link, lanes and L1 are those of a tile before `tiles` cuts the machine."""


def parse_vary(base: Machine, text: str) -> dict[str, Sequence[str]]:
    """The axes of a text like ``tiles hbm=128,256``, each with its values.

    Raises
    ------
    UserError
        If there is no such axis, it is there twice, or a value is none.
    """
    found: dict[str, Sequence[str]] = {}
    for part in text.split():
        name, given, several = part.partition("=")
        if name not in AXES:
            raise UserError(f"VARY: there is no axis {name!r}: {meant(name, AXES)}")
        if name in found:
            raise UserError(f"VARY: {name} must be there once, not twice")
        axis = AXES[name]
        values = list(dict.fromkeys(several.split(","))) if given else axis.values(base)
        for value in values:
            _check(name, value, axis.pair)
        found[name] = values
    if not found:
        raise UserError(f"VARY must name an axis: {', '.join(AXES)}")
    return found


def _check(name: str, value: str, pair: bool) -> None:
    if pair and not re.fullmatch("[1-9][0-9]{0,2}x[1-9][0-9]{0,2}", value):
        raise UserError(f"VARY: {name} must be COLUMNSxROWS, not {value!r}")
    if not pair and not re.fullmatch("[1-9][0-9]{0,8}", value):
        raise UserError(f"VARY: {name} must be a whole number from 1 up, not {value!r}")


def places(axes: Mapping[str, Sequence[str]]) -> list[Place]:
    """All combinations, the first axis the slowest."""
    return [dict(zip(axes, values, strict=True)) for values in product(*axes.values())]


def machine_at(base: Machine, place: Place) -> Machine:
    """The machine at a point of the axes.

    Raises
    ------
    UserError
        If there is no such machine: one line with the axis and the field.
    """
    tile, mesh, hbm = (part.model_dump() for part in (base.tile, base.mesh, base.hbm))
    total = int(place.get("hbm", base.hbm_bytes_per_cycle))
    _of_a_tile(base, tile, place)
    if "tiles" in place:
        _cut(base, {"tile": tile, "mesh": mesh, "hbm": hbm}, place["tiles"])
    fields: dict[str, Any] = {"name": base.name, "clock_ghz": base.clock_ghz}
    fields |= {"tile": tile, "mesh": mesh, "hbm": hbm | {"bytes_per_cycle": 1}}
    given = {name: (name, value) for name, value in place.items() if name != "group"}
    channels = len(from_fields(Machine, fields, given).channels)
    each, rest = divmod(total, channels)
    if rest:
        raise UserError(
            f"hbm={total}: hbm.bytes_per_cycle must be a whole number: {channels} channels share it"
        )
    capacity = len(base.channels) * base.hbm.channel_bytes // channels
    fields["hbm"] = hbm | {"bytes_per_cycle": each, "channel_bytes": capacity}
    return from_fields(Machine, fields, given)


def _of_a_tile(base: Machine, tile: dict[str, Any], place: Place) -> None:
    """What is said of each tile."""
    if "link" in place:
        tile["link_bits"] = int(place["link"])
        tile["l1_banks"] = max(1, base.tile.line_bytes * 8 // tile["link_bits"])
    if "lanes" in place:
        tile["vector_lanes"] = int(place["lanes"])
    if "l1" in place:
        tile["l1_bytes"] = int(place["l1"]) << 10


def _cut(base: Machine, fields: dict[str, dict[str, Any]], tiles: str) -> None:
    """Cut the same machine into other tiles: what is on the area of a tile goes with its area,
    what crosses its edge with its edge.
    """
    columns, rows = map(int, tiles.split("x"))
    edge = Fraction(base.mesh.columns, columns)
    if edge != Fraction(base.mesh.rows, rows):
        raise UserError(
            f"tiles={tiles}: mesh.columns and mesh.rows must be as {base.mesh.columns} to "
            f"{base.mesh.rows}"
        )
    fields["mesh"] |= {"columns": columns, "rows": rows}
    for name, power in (
        *(("matrix_rows", 1), ("matrix_columns", 1), ("link_bits", 1)),
        *(("vector_lanes", 2), ("l1_bytes", 2)),
    ):
        fields["tile"][name] = _whole(tiles, f"tile.{name}", fields["tile"][name] * edge**power)
    for side in EDGES:
        name = f"{side}_pitch"
        pitch = fields["hbm"][name] / edge
        if pitch:
            fields["hbm"][name] = 1 if pitch < 1 else _whole(tiles, f"hbm.{name}", pitch)


def _whole(tiles: str, field: str, value: Fraction) -> int:
    if value.denominator != 1:
        raise UserError(f"tiles={tiles}: {field} must be a whole number, not {value}")
    return int(value)
