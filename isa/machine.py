"""Machine description: every number the hardware, the compilers and the models are built from."""

import re
from functools import lru_cache
from pathlib import Path

import tomli_w
from pydantic import Field, model_validator

from isa.errors import UserError
from isa.mistakes import read_toml
from isa.parts import EDGES, Channel, Hbm, Mesh, Tile, TomlTable

__all__ = ["EDGES", "MACHINES", "Channel", "Hbm", "Machine", "Mesh", "Tile", "load_machine"]


@lru_cache(maxsize=64)
def _channels(mesh: Mesh, hbm: Hbm) -> tuple[Channel, ...]:
    """`Machine.channels`: everybody asks for them, again and again."""
    found: list[Channel] = []
    for edge in EDGES:
        along = mesh.rows if edge in ("west", "east") else mesh.columns
        pitch = getattr(hbm, f"{edge}_pitch")
        if not pitch:
            continue
        for position in range(pitch // 2, along, pitch) if pitch // 2 < along else [along // 2]:
            x = {"west": 0, "east": mesh.columns - 1}.get(edge, position)
            y = {"south": 0, "north": mesh.rows - 1}.get(edge, position)
            found.append(Channel(len(found), edge, x, y))
    return tuple(found)


class Machine(TomlTable):
    """A whole machine: a mesh of equal tiles with HBM channels at its edges."""

    name: str = Field(min_length=1, description="name used in results")
    clock_ghz: float = Field(
        default=1.0, gt=0, description="clock, for turning cycles into seconds"
    )
    mesh: Mesh
    tile: Tile
    hbm: Hbm

    @model_validator(mode="after")
    def _consistent(self) -> "Machine":
        if self.hbm.bytes_per_cycle > self.tile.word_bytes:
            raise ValueError(
                f"hbm.bytes_per_cycle must be at most the link's {self.tile.word_bytes}, not "
                f"{self.hbm.bytes_per_cycle}"
            )
        if self.hbm.channel_bytes % self.tile.word_bytes or self.channel_words > 1 << 28:
            raise ValueError(
                "hbm.channel_bytes must be whole words and below 2^28 words, not "
                f"{self.hbm.channel_bytes}"
            )
        return self

    @property
    def channels(self) -> tuple[Channel, ...]:
        """All HBM channels, in the order west, east, south, north, each from low to high
        coordinate.
        """
        return _channels(self.mesh, self.hbm)

    @property
    def channel_words(self) -> int:
        """Words in one HBM channel."""
        return self.hbm.channel_bytes // self.tile.word_bytes

    @property
    def macs(self) -> int:
        """Multiply-accumulates of the whole mesh in a cycle."""
        return self.mesh.tiles * self.tile.macs

    @property
    def hbm_bytes_per_cycle(self) -> int:
        """Peak HBM bandwidth of the machine, in bytes a cycle."""
        return len(self.channels) * self.hbm.bytes_per_cycle

    def tile_index(self, x: int, y: int) -> int:
        """Index of tile (x, y): row by row from the south-west corner."""
        return y * self.mesh.columns + x

    def with_mesh(self, spec: str) -> "Machine":
        """This machine with another mesh, given as ``COLUMNSxROWS`` (for example ``5x3``)."""
        match = re.fullmatch(r"([0-9]{1,3})x([0-9]{1,3})", spec)
        if not match or not all(1 <= int(side) <= 64 for side in match.groups()):
            raise UserError(
                "MESH must be COLUMNSxROWS with 1 to 64 tiles a side (for example 5x3), not "
                f"{spec!r}"
            )
        columns, rows = map(int, match.groups())
        return self.model_copy(
            update={"mesh": self.mesh.model_copy(update={"columns": columns, "rows": rows})}
        )

    def to_toml(self) -> str:
        """The description as TOML text that :func:`load_machine` reads back to an equal machine."""
        return tomli_w.dumps(self.model_dump())


_TILE = Tile(
    matrix_rows=8, matrix_columns=8, vector_lanes=8, l1_bytes=64 << 10, l1_banks=4, link_bits=128
)
# A quarter of that tile; links cannot be narrower, and with one bank L1 would be short of words.
_SMALL_TILE = Tile(
    matrix_rows=4, matrix_columns=4, vector_lanes=2, l1_bytes=32 << 10, l1_banks=2, link_bits=128
)
_PAPER_TILE = Tile(
    matrix_rows=32,
    matrix_columns=16,
    vector_lanes=64,
    l1_bytes=384 << 10,
    l1_banks=4,
    link_bits=1024,
)
_HBM = Hbm(west_pitch=1, south_pitch=1, bytes_per_cycle=8)

MACHINES: dict[str, Machine] = {
    machine.name: machine
    for machine in (
        Machine(name="tiny", mesh=Mesh(columns=2, rows=2), tile=_TILE, hbm=_HBM),
        Machine(name="mesh4", mesh=Mesh(columns=4, rows=4), tile=_TILE, hbm=_HBM),
        Machine(name="mesh8", mesh=Mesh(columns=8, rows=8), tile=_TILE, hbm=_HBM),
        Machine(
            name="mesh16",
            mesh=Mesh(columns=16, rows=16),
            tile=_SMALL_TILE,
            hbm=Hbm(west_pitch=1, south_pitch=1, bytes_per_cycle=8, channel_bytes=2 << 20),
        ),
        Machine(
            name="mesh32",  # as many MACs for each byte a cycle as mesh4 and mesh16
            mesh=Mesh(columns=32, rows=32),
            tile=_SMALL_TILE,
            hbm=Hbm(west_pitch=1, south_pitch=1, bytes_per_cycle=16, channel_bytes=2 << 20),
        ),
        Machine(
            name="paper-tile",  # the tile of both papers in meshes that can be simulated
            mesh=Mesh(columns=2, rows=2),
            tile=_PAPER_TILE,
            hbm=Hbm(west_pitch=1, south_pitch=1, bytes_per_cycle=64),
        ),
        Machine(
            # arXiv 2505.18824: 16 channels west and 16 south, 64 GB/s each at 1 GHz
            name="paper-2025",
            mesh=Mesh(columns=32, rows=32),
            tile=_PAPER_TILE,
            hbm=Hbm(west_pitch=2, south_pitch=2, bytes_per_cycle=64, channel_bytes=256 << 20),
        ),
        Machine(
            name="paper-2026",  # arXiv 2604.02110: 32 channels south, 2 TB/s in all at 965 MHz
            clock_ghz=0.965,
            mesh=Mesh(columns=32, rows=32),
            tile=_PAPER_TILE,
            hbm=Hbm(south_pitch=1, bytes_per_cycle=66, channel_bytes=256 << 20),
        ),
        Machine(
            # arXiv 2604.02110 beside the GH200: 4 TB/s. Twice the channels, since a 32nd of that is
            # wider than a link.
            name="paper-4tb",
            clock_ghz=0.965,
            mesh=Mesh(columns=32, rows=32),
            tile=_PAPER_TILE,
            hbm=Hbm(west_pitch=1, south_pitch=1, bytes_per_cycle=65, channel_bytes=256 << 20),
        ),
    )
}


def load_machine(name: str, mesh: str | None = None) -> Machine:
    """The named machine, or the one a TOML file describes, with its mesh replaced where `mesh` is
    given.

    Raises
    ------
    UserError
        If the name is unknown, or the file is missing, is not TOML, or does not describe a machine.
    """
    if name in MACHINES:
        machine = MACHINES[name]
    elif name.endswith(".toml"):
        machine = read_toml(Machine, Path(name), "MACHINE file")
    else:
        raise UserError(
            f"MACHINE must be one of {', '.join(MACHINES)}, or a path to a .toml file, not {name!r}"
        )
    return machine.with_mesh(mesh) if mesh else machine
