"""Machines of 4x4 tiles in which one parameter is another than that of `mesh4`, and the tile of the
papers.
"""

from collections.abc import Mapping
from typing import NamedTuple

from isa.machine import MACHINES, Machine

__all__ = ["Varied", "machines"]


class Varied(NamedTuple):
    """A machine, and what is unlike the default."""

    name: str
    machine: Machine
    channels_only: bool
    """Nothing but its HBM differs: only what goes to a channel is run."""


_VARIED: dict[str, Mapping[str, Mapping[str, int]]] = {
    "default": {},
    "array 4x4": {"tile": {"matrix_rows": 4, "matrix_columns": 4}},
    "array 16x8": {"tile": {"matrix_rows": 16}},
    "4 lanes": {"tile": {"vector_lanes": 4}},
    "2 banks": {"tile": {"l1_banks": 2}},
    "8 banks": {"tile": {"l1_banks": 8}},
    "256 bit": {"tile": {"link_bits": 256}},
    "512 bit": {"tile": {"link_bits": 512}},
    "mac_latency 4": {"tile": {"mac_latency": 4}},
    "adder_stages 2": {"mesh": {"adder_stages": 2}},
    "HBM 2 B/cycle": {"hbm": {"bytes_per_cycle": 2}},
    "HBM 16 B/cycle": {"hbm": {"bytes_per_cycle": 16}},
    "HBM latency 1": {"hbm": {"latency": 1}},
    "HBM latency 400": {"hbm": {"latency": 400}},
}
"""Name to table to field to value."""


def machines() -> list[Varied]:
    """The default first, the tile of the papers (32x16 MACs, 64 lanes, 1024 bit, 2x2) last."""
    found = [
        Varied(name, _with(change), set(change) == {"hbm"}) for name, change in _VARIED.items()
    ]
    return [*found, Varied("papers' tile", MACHINES["paper-tile"], False)]


def _with(change: Mapping[str, Mapping[str, int]]) -> Machine:
    base = MACHINES["mesh4"]
    parts = {
        name: type(part).model_validate(part.model_dump() | fields)
        for name, fields in change.items()
        for part in [getattr(base, name)]
    }
    return base.model_copy(update=parts)
