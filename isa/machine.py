"""Machine description: every number the hardware, the compilers and the models are built from."""

import re
from functools import lru_cache
from pathlib import Path
from typing import Annotated, Literal, NamedTuple

import tomli_w
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from isa.errors import UserError
from isa.instructions import Format
from isa.mistakes import read_toml

__all__ = ["MACHINES", "Channel", "Hbm", "Machine", "Mesh", "Tile", "load_machine"]

Edge = Literal["west", "east", "south", "north"]
EDGES: tuple[Edge, ...] = ("west", "east", "south", "north")
MOST_L1_WORDS = (1 << 16) - (1 << 10)
"""Of 16-bit addresses some must be left beyond L1: one stands for all that a flit cannot reach, and
rows of the largest pitch must not step over them.
"""


def _as_tuple(value):
    """TOML has lists where a frozen table needs tuples."""
    return tuple(value) if isinstance(value, list) else value


class _Table(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


class Mesh(_Table):
    """The network's extent. Tile (x, y) has x growing to the east and y growing to the north; (0,
    0) is south-west.
    """

    columns: int = Field(ge=1, le=64, description="tiles from west to east")
    rows: int = Field(ge=1, le=64, description="tiles from south to north")
    fifo_depth: int = Field(default=6, ge=2, le=64, description="flits a router input can hold")
    adder_stages: int = Field(
        default=1,
        ge=1,
        le=2,
        description=(
            "cycles of the adders in the reduction network; with 1, a sum of two takes no extra "
            "cycle"
        ),
    )
    reduce_formats: Annotated[tuple[str, ...], BeforeValidator(_as_tuple)] = Field(
        default=("fp32", "fp16", "bf16"),
        title="a list of texts",
        description="formats that reductions take: fp32, and any of fp16, bf16, e4m3, e5m2",
    )

    @property
    def tiles(self) -> int:
        """Number of tiles."""
        return self.columns * self.rows

    @property
    def formats(self) -> tuple[Format, ...]:
        """Formats that reductions take."""
        return tuple(Format[name.upper()] for name in self.reduce_formats)

    @model_validator(mode="after")
    def _consistent(self) -> "Mesh":
        unknown = [
            name
            for name in self.reduce_formats
            if name.upper() not in Format.__members__ or name != name.lower()
        ]
        if unknown:
            raise ValueError(
                f"reduce_formats must be among fp32, fp16, bf16, e4m3, e5m2, not {unknown[0]!r}"
            )
        if "fp32" not in self.reduce_formats:
            raise ValueError(
                "reduce_formats must include fp32: softmax statistics and sums of O are in it"
            )
        return self


class Tile(_Table):
    """One tile: matrix engine, vector engine, L1, link width, control."""

    matrix_rows: int = Field(
        ge=1, description="rows of the PE array (output rows computed together)"
    )
    matrix_columns: int = Field(
        ge=1, description="columns of the PE array; must divide the elements of an L1 line"
    )
    mac_latency: int = Field(
        default=2,
        ge=2,
        le=4,
        description="cycles of the FP32 accumulate loop, hidden by interleaving",
    )
    vector_lanes: int = Field(ge=1, description="FP32 elements the vector engine takes each cycle")
    l1_bytes: int = Field(ge=1024, description="bytes of L1 SRAM")
    l1_banks: int = Field(
        ge=1, description="L1 banks, each one word wide; a line is one word of every bank"
    )
    link_bits: int = Field(
        ge=128, description="payload bits of a flit = bits of a word = width of an L1 bank"
    )
    program_instructions: int = Field(
        default=512, ge=16, le=65536, description="capacity of the program memory, in instructions"
    )
    semaphores: int = Field(default=32, ge=4, le=32, description="counting semaphores")
    semaphore_bits: int = Field(default=8, ge=4, le=16, description="bits of a semaphore's count")

    @property
    def word_bytes(self) -> int:
        """Bytes of a word, the unit of every L1 and HBM address and of a flit's payload."""
        return self.link_bits // 8

    @property
    def line_bytes(self) -> int:
        """Bytes of a line: what the L1 can read or write in one cycle."""
        return self.word_bytes * self.l1_banks

    @property
    def line_elements(self) -> int:
        """16-bit elements in a line: columns of a matrix-engine output block, and its chunk
        of k.
        """
        return self.line_bytes // 2

    @property
    def l1_words(self) -> int:
        """Words in L1."""
        return self.l1_bytes // self.word_bytes

    @property
    def column_groups(self) -> int:
        """Output blocks of one PE array width in a line: the interleaving the matrix engine has to
        hide latency.
        """
        return self.line_elements // self.matrix_columns

    @property
    def macs(self) -> int:
        """Multiply-accumulates of the PE array in a cycle."""
        return self.matrix_rows * self.matrix_columns

    @model_validator(mode="after")
    def _consistent(self) -> "Tile":
        if self.link_bits & (self.link_bits - 1):
            raise ValueError(f"link_bits must be a power of two, not {self.link_bits}")
        if self.l1_banks & (self.l1_banks - 1):
            raise ValueError(f"l1_banks must be a power of two, not {self.l1_banks}")
        if self.l1_bytes % self.line_bytes:
            raise ValueError(
                f"l1_bytes must be a multiple of the line ({self.line_bytes} B), not "
                f"{self.l1_bytes}"
            )
        if self.l1_words > MOST_L1_WORDS:
            raise ValueError(
                f"l1_bytes must be at most {self.word_bytes * MOST_L1_WORDS} "
                f"({MOST_L1_WORDS} words: 16-bit addresses, and those beyond must be seen), not "
                f"{self.l1_bytes}"
            )
        if self.line_elements % self.matrix_columns:
            raise ValueError(
                f"matrix_columns must divide the {self.line_elements} elements of an L1 line, not "
                f"{self.matrix_columns}"
            )
        if self.column_groups < self.mac_latency:
            raise ValueError(
                f"matrix_columns must leave at least mac_latency={self.mac_latency} column groups "
                f"in a line of {self.line_elements} elements, not {self.column_groups}"
            )
        if 32 * self.program_instructions > 4095 * self.word_bytes:
            raise ValueError(
                f"program_instructions must be at most {4095 * self.word_bytes // 32} (an image "
                f"has up to 4095 words), not {self.program_instructions}"
            )
        if (self.line_bytes // 4) % self.vector_lanes:
            raise ValueError(
                f"vector_lanes must divide the {self.line_bytes // 4} FP32 elements of an L1 line, "
                f"not {self.vector_lanes}"
            )
        return self


class Hbm(_Table):
    """HBM channels at the mesh's edges. A pitch of p puts one channel at every p-th tile of that
    edge, 0 none.
    """

    west_pitch: int = Field(default=0, ge=0, description="tiles per channel along the west edge")
    east_pitch: int = Field(default=0, ge=0, description="tiles per channel along the east edge")
    south_pitch: int = Field(default=0, ge=0, description="tiles per channel along the south edge")
    north_pitch: int = Field(default=0, ge=0, description="tiles per channel along the north edge")
    bytes_per_cycle: int = Field(
        ge=1,
        le=255,
        description="bandwidth of one channel, reads and writes together, in bytes a cycle",
    )
    latency: int = Field(
        default=200,
        ge=1,
        le=4095,
        description="cycles from a request's arrival to its first data flit",
    )
    channel_bytes: int = Field(
        default=8 << 20, ge=4096, description="capacity of one channel, in bytes"
    )

    @model_validator(mode="after")
    def _consistent(self) -> "Hbm":
        if not (self.west_pitch or self.east_pitch or self.south_pitch or self.north_pitch):
            raise ValueError(
                "at least one of west_pitch, east_pitch, south_pitch, north_pitch must be positive"
            )
        return self


class Channel(NamedTuple):
    """One HBM channel: `edge` of the mesh, and the tile (x, y) at whose router's outer port it
    sits.
    """

    index: int  # type: ignore[assignment]  # hides tuple.index, which nobody calls
    edge: Edge
    x: int
    y: int


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


class Machine(_Table):
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
