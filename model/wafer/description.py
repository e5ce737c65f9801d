"""Machine of many dies: TOML beside the die's own description."""

from pathlib import Path
from typing import Annotated, Any, Literal

import tomli_w
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from isa.errors import UserError
from isa.machine import MACHINES as DIES
from isa.machine import Hbm, Machine, load_machine
from isa.mistakes import from_fields, read_toml

__all__ = ["PAPER_WAFER", "DieFabric", "Wafer", "load_wafer"]

GIB = 1 << 30
NS = 1e-9


def _pairs(value):
    """TOML has lists where a frozen table needs tuples."""
    return tuple(map(tuple, value)) if isinstance(value, list) else value


class _Table(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


class DieFabric(_Table):
    """Dies and the links between them. Die (x, y) has number y · columns + x."""

    model_config = ConfigDict(title="fabric")

    shape: Literal["mesh", "torus", "fat-tree"] = Field(
        default="mesh", description="mesh and torus: columns × rows; fat-tree: two levels"
    )
    columns: int = Field(ge=1, le=64, description="dies from west to east")
    rows: int = Field(ge=1, le=64, description="dies from south to north")
    gb_per_s: float = Field(
        default=1000.0, gt=0, description="bandwidth of a link, each direction, in 10⁹ bytes/s"
    )
    latency_ns: float = Field(
        default=256.0, ge=0, description="from the end of a packet's sending to its arrival"
    )
    packet_bytes: int = Field(default=4096, ge=1, description="bytes of a packet, header included")
    credits: int = Field(default=256, ge=1, description="packets that a link's receiver can hold")
    leaf_dies: int = Field(default=8, ge=1, description="fat-tree: dies of a leaf switch")
    spines: int = Field(default=8, ge=0, description="fat-tree: spine switches")
    trunk: int = Field(
        default=1, ge=1, description="fat-tree: parallel links, die to leaf and leaf to spine"
    )
    broken: Annotated[tuple[tuple[int, int], ...], BeforeValidator(_pairs)] = Field(
        default=(),
        title="pairs of dies, like [[0, 1]]",
        description="pairs of neighbouring dies whose link does not work",
    )

    @property
    def dies(self) -> int:
        """Number of dies."""
        return self.columns * self.rows

    @property
    def packet_seconds(self) -> float:
        """Time of a packet on a link."""
        return self.packet_bytes / (self.gb_per_s * 1e9)

    @property
    def link_bytes_per_s(self) -> float:
        """What a link carries at most: its bandwidth, or its credits in each round trip."""
        trip = self.packet_seconds + 2 * self.latency_ns * NS
        return min(self.gb_per_s * 1e9, self.credits * self.packet_bytes / trip)

    @model_validator(mode="after")
    def _consistent(self) -> "DieFabric":
        if self.shape == "fat-tree":
            if self.dies % self.leaf_dies:
                raise ValueError(
                    f"leaf_dies must divide the {self.dies} dies, not be {self.leaf_dies}"
                )
            if self.dies > self.leaf_dies and not self.spines:
                raise ValueError(
                    f"spines must be at least 1: without, {self.dies // self.leaf_dies} leaf "
                    "switches are not connected"
                )
            if self.broken:
                raise ValueError("broken must be empty in a fat-tree")
        for pair in self.broken:
            if len(pair) != 2 or not all(0 <= die < self.dies for die in pair):
                raise ValueError(
                    f"broken must have pairs of dies from 0 to {self.dies - 1}, not {list(pair)}"
                )
        return self


class Wafer(_Table):
    """Equal dies with HBM of their own, joined by a fabric."""

    name: str = Field(min_length=1, description="name used in results")
    die: str = Field(description="named machine, or path to the .toml file of one")
    hbm_gib: float = Field(gt=0, description="HBM of a die, in GiB")
    fabric: DieFabric

    @property
    def machine(self) -> Machine:
        """The die."""
        return WAFER_DIE if self.die == WAFER_DIE.name else load_machine(self.die)

    @property
    def port_bytes_per_s(self) -> float:
        """What a die sends, and receives, at most: its HBM's bandwidth."""
        return self.machine.hbm_bytes_per_cycle * self.machine.clock_ghz * 1e9

    @property
    def peak_flops(self) -> float:
        """FLOP/s of a die's matrix engines."""
        return 2 * self.machine.macs * self.machine.clock_ghz * 1e9

    def with_fabric(self, given: dict[str, tuple[str, str, Any]]) -> "Wafer":
        """This wafer with another fabric, of which a variable, as the user wrote it, gave each
        field its value.

        Raises
        ------
        UserError
            One line with the variable that is wrong.
        """
        fields = self.fabric.model_dump() | {name: value for name, (*_, value) in given.items()}
        told = {name: (variable, text) for name, (variable, text, _) in given.items()}
        return self.model_copy(update={"fabric": from_fields(DieFabric, fields, told)})

    def to_toml(self) -> str:
        """The description as TOML text that `load_wafer` reads back to an equal one."""
        return tomli_w.dumps(self.model_dump())


WAFER_DIE = DIES["paper-2026"].model_copy(
    update={
        "name": "wafer-die",
        "clock_ghz": 1.9,
        "hbm": Hbm(south_pitch=1, bytes_per_cycle=66, channel_bytes=4 << 30),
    }
)
"""The die of the FP8 study in arXiv 2604.02110: 1.9 GHz, 32 channels, 4 TB/s in all, 128 GiB."""

PAPER_WAFER = Wafer(
    name="wafer", die="wafer-die", hbm_gib=128.0, fabric=DieFabric(columns=8, rows=8)
)
"""arXiv 2604.02110: 8×8 dies, links of 1 TB/s and 256 ns. Packets and credits are ours: the paper
has none.
"""


def load_wafer(name: str) -> Wafer:
    """The paper's wafer, or the one that a TOML file describes.

    Raises
    ------
    UserError
        If there is no such wafer, or the file does not describe one: one line that names the field.
    """
    if name == PAPER_WAFER.name:
        return PAPER_WAFER
    if not name.endswith(".toml"):
        raise UserError(f"WAFER must be wafer, or a path to a .toml file, not {name!r}")
    wafer = read_toml(Wafer, Path(name), "WAFER file")
    try:
        wafer.machine  # noqa: B018  # says what is wrong with the die's description
    except UserError as error:
        raise UserError(f"WAFER file {name}: die: {error}") from error
    return wafer
