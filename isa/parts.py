"""Parts of a machine description: mesh, tile, HBM and its channels, each with its own limits."""

from typing import Annotated, Literal, NamedTuple

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from isa.opcodes import Format

__all__ = ["EDGES", "Channel", "Edge", "Hbm", "Mesh", "Tile", "TomlTable"]

Edge = Literal["west", "east", "south", "north"]
EDGES: tuple[Edge, ...] = ("west", "east", "south", "north")
MOST_L1_WORDS = (1 << 16) - (1 << 10)
"""Of 16-bit addresses some must be left beyond L1: one stands for all that a flit cannot reach, and
rows of the largest pitch must not step over them.
"""


def _as_tuple(value):
    """TOML has lists where a frozen table needs tuples."""
    return tuple(value) if isinstance(value, list) else value


class TomlTable(BaseModel):
    """A frozen table of a TOML file, in which no other keys may stand."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


class Mesh(TomlTable):
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


class Tile(TomlTable):
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


class Hbm(TomlTable):
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
