"""Random MATMUL instructions with their operands, and what they must leave in L1: NumPy rank-1
updates in ascending k.
"""

import random
from dataclasses import dataclass, field

import numpy as np

from isa.formats import FORMATS, canonical, decode
from isa.instructions import Format, Opcode
from isa.machine import Tile

__all__ = ["FORMATS_OF_OPERANDS", "Product", "first_difference", "place", "random_cases"]

FORMATS_OF_OPERANDS = (Format.FP16, Format.BF16, Format.E4M3, Format.E5M2)


@dataclass
class Product:
    """One MATMUL."""

    m: int
    n: int
    k: int
    fmt_a: Format = Format.FP16
    fmt_b: Format = Format.FP16
    trans_b: int = 0
    accumulate: int = 0
    special: bool = False
    """Operands may be any bits, infinities, NaN and subnormals among them, and not only numbers
    around 1.
    """
    fields: dict[str, int] = field(default_factory=dict)
    """Of the command, once it is placed."""

    def shapes(self) -> dict[str, tuple[int, int]]:
        """Rows and columns of each operand as it is stored."""
        return {
            "a": (self.m, self.k),
            "b": (self.n, self.k) if self.trans_b else (self.k, self.n),
            "c": (self.m, self.n),
        }

    def format(self, name: str) -> Format:
        """Format of an operand."""
        return {"a": self.fmt_a, "b": self.fmt_b, "c": Format.FP32}[name]

    def rows(self, tile: Tile, name: str) -> list[slice]:
        """Bytes of L1 that each row of an operand takes."""
        rows, columns = self.shapes()[name]
        size, word = columns * FORMATS[self.format(name)].bytes, tile.word_bytes
        starts = [
            (self.fields[name] + row * self.fields[f"ld{name}"]) * word for row in range(rows)
        ]
        return [slice(start, start + size) for start in starts]

    def place(self, tile: Tile, memory: np.ndarray, rng: np.random.Generator, at: int) -> int:
        """Put random operands into `memory` (bytes) from word `at` on; return the word
        after them.
        """
        word, start = tile.word_bytes, at
        names = ("m", "n", "k", "fmt_a", "fmt_b", "trans_b", "accumulate")
        self.fields = {name: int(getattr(self, name)) for name in names}
        self.fields["opcode"] = int(Opcode.MATMUL)
        for name, (rows, columns) in self.shapes().items():
            pitch = -(-columns * FORMATS[self.format(name)].bytes // word) + int(rng.integers(3))
            self.fields |= {name: at, f"ld{name}": pitch}
            at += rows * pitch + int(rng.integers(3))
        memory[start * word : at * word] = rng.integers(0, 256, (at - start) * word, np.uint8)
        for name, shape in self.shapes().items():
            if not self.special:
                info = FORMATS[self.format(name)]
                exponent = (
                    rng.integers(max(info.bias - 4, 1), info.bias + 4, shape) << info.mantissa
                )
                sign = rng.integers(0, 2, shape) << info.bits - 1
                bits = (rng.integers(0, 1 << info.mantissa, shape) | exponent | sign).astype(
                    info.dtype
                )
                for row, line in zip(self.rows(tile, name), bits, strict=True):
                    memory[row] = line.view(np.uint8)
        return at

    def _read(self, tile: Tile, memory: np.ndarray, name: str) -> np.ndarray:
        dtype = FORMATS[self.format(name)].dtype
        return decode(
            np.stack([memory[row].view(dtype) for row in self.rows(tile, name)]), self.format(name)
        )

    def execute(self, tile: Tile, memory: np.ndarray) -> None:
        """Do to `memory` what the engine must do."""
        a, b = self._read(tile, memory, "a"), self._read(tile, memory, "b")
        b = b.T if self.trans_b else b
        c = (
            self._read(tile, memory, "c")
            if self.accumulate
            else np.zeros((self.m, self.n), np.float32)
        )
        with np.errstate(all="ignore"):
            for k in range(self.k):
                product = np.outer(a[:, k], b[k])
                exact = np.outer(a[:, k].astype(np.float64), b[k].astype(np.float64))
                tiny = np.abs(exact) < 2.0**-126
                c = canonical(c + np.where(tiny, np.copysign(0, exact), product).astype(np.float32))
        # Whole words are written, with zeros after the last column.
        padding = -self.n % (tile.word_bytes // 4) * 4
        for row, line in zip(self.rows(tile, "c"), c, strict=True):
            memory[row] = line.view(np.uint8)
            memory[row.stop : row.stop + padding] = 0


def place(
    tile: Tile, cases: list[Product], rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Place the cases one after the other; return L1's bytes before and after them."""
    memory, at = np.zeros(tile.l1_bytes, np.uint8), 0
    for case in cases:
        at = case.place(tile, memory, rng, at)
    assert at <= tile.l1_words, f"the cases take {at} words, L1 has {tile.l1_words}"
    after = memory.copy()
    for case in cases:
        case.execute(tile, after)
    return memory, after


def first_difference(
    tile: Tile, cases: list[Product], actual: np.ndarray, expected: np.ndarray
) -> str:
    """Say which element of which C is wrong, if any byte of L1 is."""
    if np.array_equal(actual, expected):
        return ""
    for case in cases:
        for index, row in enumerate(case.rows(tile, "c")):
            here, there = actual[row].view(np.uint32), expected[row].view(np.uint32)
            wrong = np.flatnonzero(here != there)
            if len(wrong):
                return (
                    f"{case}: C[{index}, {wrong[0]}] is {here[wrong[0]]:08x} and not "
                    f"{there[wrong[0]]:08x}"
                )
    return f"byte {np.flatnonzero(actual != expected)[0]} of L1, outside of every C, was written"


def random_cases(tile: Tile, seed: int, count: int, *, words: int | None = None) -> list[Product]:
    """Random instructions that fit into L1 together, shaped to meet the edges of blocks and
    chunks.
    """
    rng = random.Random(seed)
    cases: list[Product] = []
    left = words or tile.l1_words

    def pick(unit: int) -> int:
        return max(
            1,
            rng.choice(
                [rng.randint(1, 2 * unit + 2), unit * rng.randint(1, 2), unit + rng.randint(-1, 1)]
            ),
        )

    while len(cases) < count:
        m, n, k = pick(tile.matrix_rows), pick(tile.line_elements), pick(tile.line_elements)
        fmt_a, fmt_b = rng.choices(FORMATS_OF_OPERANDS, k=2)
        case = Product(
            m, n, k, fmt_a, fmt_b, rng.getrandbits(1), rng.getrandbits(1), rng.random() < 0.3
        )
        size = sum(
            shape[0] * (shape[1] * 4 // tile.word_bytes + 3) + 3 for shape in case.shapes().values()
        )
        if size > left:
            break
        left -= size
        cases.append(case)
    return cases
