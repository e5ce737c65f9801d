"""What a vector instruction does to the L1, in NumPy and ml_dtypes; and random instructions to try
it on.
"""

from collections.abc import Iterator

import ml_dtypes
import numpy as np
from numpy.typing import NDArray

from isa.instructions import Format, Opcode
from isa.machine import Tile

__all__ = ["DTYPES", "execute", "instructions", "random_values"]

DTYPES = {
    Format.FP32: np.dtype(np.float32),
    Format.FP16: np.dtype(np.float16),
    Format.BF16: np.dtype(ml_dtypes.bfloat16),
    Format.E4M3: np.dtype(ml_dtypes.float8_e4m3fn),
    Format.E5M2: np.dtype(ml_dtypes.float8_e5m2),
}
_NAN = {Format.FP16: 0x7E00, Format.BF16: 0x7FC0, Format.E4M3: 0x7F, Format.E5M2: 0x7E}
_SMALLEST = 2.0**-126
_ENTRIES = np.rint(np.exp2(np.arange(257) / 256) * 2.0**23).astype(np.int64)


def canonical(x):
    x = np.array(x, np.float32)
    x.view(np.uint32)[np.isnan(x)] = 0x7FC00000
    return x


def decode(raw, fmt):
    """Elements of a byte string as float32; FP32 keeps its bits."""
    values = np.frombuffer(raw, DTYPES[fmt])
    return values.copy() if fmt == Format.FP32 else canonical(values.astype(np.float32))


def encode(values, fmt):
    """Float32 values as a byte string."""
    if fmt == Format.FP32:
        return values.tobytes()
    stored = values.astype(DTYPES[fmt])
    bits = stored.view(f"u{stored.itemsize}").copy()
    bits[np.isnan(stored.astype(np.float32))] = _NAN[fmt]
    return bits.tobytes()


def _flush(x):
    return np.where(np.abs(x) < _SMALLEST, np.copysign(0.0, x), x)


def multiply(a, b):
    exact = _flush(np.asarray(a, np.float64)) * _flush(np.asarray(b, np.float64))
    return canonical(_flush(exact).astype(np.float32))


def reciprocal(x):
    x = _flush(x.astype(np.float64))
    y = _flush(np.where(x == 0, 0.0, 1 / x).astype(np.float32).astype(np.float64))
    return canonical(y.astype(np.float32))


def exp2(t):
    fixed = np.trunc(
        np.clip(np.where(np.isnan(t), 0, t).astype(np.float64), -256, 256) * 2.0**23
    ).astype(np.int64)
    whole, fraction = np.divmod(fixed, 1 << 23)
    index, rest = np.divmod(fraction, 1 << 15)
    significand = _ENTRIES[index] + (_ENTRIES[index + 1] - _ENTRIES[index]) * rest // (1 << 15)
    y = np.ldexp(significand.astype(np.float64), whole - 23)
    y = np.where(y < _SMALLEST, 0.0, np.where(t >= 128, np.inf, y))
    return canonical(np.where(np.isnan(t), np.nan, y).astype(np.float32))


def exponential(a, b, scale):
    return np.where(a == -np.inf, np.float32(0), exp2(multiply(canonical(a - b), scale))).astype(
        np.float32
    )


def maximum(a, b):
    x, y = (
        v.view(np.int32).astype(np.int64)
        for v in (np.asarray(a, np.float32), np.asarray(b, np.float32))
    )
    kx, ky = (np.where(v < 0, v ^ 0x7FFFFFFF, v) for v in (x, y))
    return np.where(kx >= ky, x, y).astype(np.int32).view(np.float32)


def row_sum(values, lanes):
    """Sum of a row in the order of the engine: a tree for each chunk, even and odd chunks apart."""
    padded = np.concatenate([values, np.zeros(-len(values) % lanes, np.float32)])
    sums = [np.float32(0), np.float32(0)]
    for i, chunk in enumerate(padded.reshape(-1, lanes)):
        while len(chunk) > 1:
            chunk = chunk[::2] + chunk[1::2]
        sums[i % 2] = sums[i % 2] + chunk[0]
    return canonical(sums[0] + sums[1])


def execute(memory: np.ndarray, tile: Tile, opcode: Opcode, f: dict[str, int]) -> None:
    """Carry out an instruction with fields `f` on the bytes of the L1."""
    word = tile.word_bytes
    m, n = f["m"], f["n"]
    fmt_a, fmt_d = Format(f["fmt_a"]), Format(f["fmt_d"])
    imm = np.array([f["imm"]], np.uint32).view(np.float32)[0]
    statistics = []
    elementwise = opcode in (Opcode.ADDV, Opcode.MAXV, Opcode.MULV, Opcode.EXPD)
    b_rows = memory[f["b"] * word :][: 4 * m].tobytes()
    with np.errstate(all="ignore"):
        for r in range(m):
            a = decode(
                memory[(f["a"] + r * f["lda"]) * word :][: n * DTYPES[fmt_a].itemsize].tobytes(),
                fmt_a,
            )
            if elementwise:
                b = decode(memory[(f["b"] + r * f["lda"]) * word :][: 4 * n].tobytes(), Format.FP32)
            else:
                b = (
                    decode(b_rows[4 * r :][:4], Format.FP32)[0]
                    if 4 * r < len(b_rows)
                    else np.float32(0)
                )
            limit = f["mask"] + (r // f["mask_rows"] if f["mask_rows"] else 0)
            live = np.arange(n) < limit if f["masked"] else np.ones(n, bool)
            if opcode == Opcode.ROWMAX:
                best = b if f["with_b"] else np.float32(-np.inf)
                for x in a[live]:
                    best = maximum(best, x).reshape(())[()]
                statistics.append(best)
                continue
            d = _row(opcode, imm, a, b, live)
            stored = encode(d, fmt_d)
            row = stored + bytes(-len(stored) % word)
            at = (f["d"] + r * f["ldd"]) * word
            memory[at : at + len(row)] = np.frombuffer(row, np.uint8)
            statistics.append(row_sum(decode(stored, fmt_d), tile.vector_lanes))
    if opcode == Opcode.ROWMAX or (opcode == Opcode.EXP and f["with_s"]):
        packed = np.array(statistics, np.float32).tobytes()
        packed += bytes(-len(packed) % word)
        memory[f["s"] * word :][: len(packed)] = np.frombuffer(packed, np.uint8)


def _row(opcode: Opcode, imm: np.float32, a, b, live: NDArray[np.bool_]) -> NDArray[np.float32]:
    """A row of D."""
    match opcode:
        case Opcode.FILL:
            return np.full(len(live), imm, np.float32)
        case Opcode.COPY:
            return a
        case Opcode.ADDV:
            return canonical(a + b)
        case Opcode.MAXV:
            return maximum(a, b)
        case Opcode.MULV | Opcode.SCALE:
            return multiply(a, b)
        case Opcode.RECIP:
            return reciprocal(a)
        case Opcode.EXPD:
            return exponential(a, b, imm)
        case Opcode.EXP:
            return np.where(live, exponential(a, b, imm), np.float32(0))
    raise KeyError(opcode)


_SPECIALS = np.array(
    [0.0, -0.0, np.inf, -np.inf, np.nan, 1e-40, -1e-40, 1.0, -1.0, 3e38, -3e38, 65520.0, 464.0],
    np.float32,
)


def random_values(rng: np.random.Generator, count: int, fmt: Format) -> bytes:
    """Bytes of `count` elements: scores of ordinary size, some of any size, some special ones; at
    times any bits at all.
    """
    if rng.random() < 0.1:
        return rng.bytes(count * DTYPES[fmt].itemsize)
    values = rng.normal(size=count) * 3
    special = rng.random(count) < rng.choice([0, 0.1])
    values = np.where(special, values * np.exp2(rng.integers(-140, 124, count)), values).astype(
        np.float32
    )
    values = np.where(
        rng.random(count) < rng.choice([0, 0, 0.2]), rng.choice(_SPECIALS, count), values
    )
    if rng.random() < 0.05:
        values[:] = -np.inf
    with np.errstate(all="ignore"):
        return encode(values.astype(np.float32), fmt)


class _Space:
    """Hands out disjoint parts of the L1, in random order of position."""

    def __init__(self, rng, words):
        self._rng, self._words, self._used = rng, words, np.zeros(words, bool)

    def take(self, words):
        for _ in range(100):
            at = int(self._rng.integers(0, self._words - words + 1))
            if not self._used[at : at + words].any():
                self._used[at : at + words] = True
                return at
        return None


def instructions(
    tile: Tile, memory: np.ndarray, rng: np.random.Generator, count: int
) -> Iterator[tuple[Opcode, dict[str, int]]]:
    """Random instructions; their operands are put into `memory` before each is handed out."""
    opcodes = [op for op in Opcode if 0x20 <= op < 0x30]
    while count:
        opcode = opcodes[rng.integers(len(opcodes))]
        fields = _random_fields(tile, memory, rng, opcode)
        if fields is not None:
            count -= 1
            yield opcode, fields


def _random_fields(tile, memory, rng, opcode):
    formats = list(Format)
    fmt_a, fmt_d = (formats[rng.choice(5, p=[0.4, 0.3, 0.1, 0.1, 0.1])] for _ in range(2))
    m = int(rng.choice([1, 2, 3, 7, 16, 17, 20, 33]))
    n = int(rng.choice([1, 2, 5, 8, 9, 16, 17, 31, 32, 33, 64, 65]))
    if opcode == Opcode.RECIP:
        m, n = min(m, 3), min(n, 33)
    has_s = opcode in (Opcode.ROWMAX, Opcode.EXP)
    if has_s and rng.random() < 0.1:
        n = 0
    elementwise = opcode in (Opcode.ADDV, Opcode.MAXV, Opcode.MULV, Opcode.EXPD)

    def row(fmt):
        return -(-n * DTYPES[fmt].itemsize // tile.word_bytes)

    lda = max(row(fmt_a), row(Format.FP32) if elementwise else 0) + int(rng.choice([0, 0, 1, 5]))
    ldd = row(fmt_d) + int(rng.choice([0, 0, 1, 5]))
    packed = -(-4 * m // tile.word_bytes)
    space = _Space(rng, tile.l1_words)
    a = space.take(max(1, m * lda))
    b = space.take(max(1, m * lda if elementwise else packed))
    d, s = space.take(max(1, m * ldd)), space.take(packed)
    if None in (a, b, d, s):
        return None
    place = rng.random()
    if place < 0.25 and DTYPES[fmt_d].itemsize <= DTYPES[fmt_a].itemsize:
        d, ldd = a, lda
    elif place < 0.4 and elementwise:
        d, ldd = b, lda
    if rng.random() < 0.3 and not elementwise:
        s = b
    for r in range(m):
        at = (a + r * lda) * tile.word_bytes
        raw = random_values(rng, n, fmt_a)
        memory[at : at + len(raw)] = np.frombuffer(raw, np.uint8)
        if elementwise:
            at = (b + r * lda) * tile.word_bytes
            raw = random_values(rng, n, Format.FP32)
            memory[at : at + len(raw)] = np.frombuffer(raw, np.uint8)
    if not elementwise:
        raw = random_values(rng, m, Format.FP32)
        memory[b * tile.word_bytes :][: len(raw)] = np.frombuffer(raw, np.uint8)
    immediates, odds = (
        [1.4426950408889634, 0.18033688, -1.0, 0.0, np.inf, rng.normal()],
        [0.6, 0.2, 0.05, 0.03, 0.02, 0.1],
    )
    imm = np.array([rng.choice(immediates, p=odds)])
    return {
        "d": d,
        "a": a,
        "b": b,
        "s": s,
        "ldd": ldd,
        "lda": lda,
        "m": m,
        "n": n,
        "imm": int(imm.astype(np.float32).view(np.uint32)[0]),
        "fmt_a": int(fmt_a),
        "fmt_d": int(fmt_d),
        "mask": int(
            rng.choice([-8192, -5, -1, 0, 1, n - 1, n, n + 3, 8191, *rng.integers(0, n + 1, 4)])
        ),
        "mask_rows": int(rng.choice([0, 0, 1, 3, 255])),
        "masked": int(rng.random() < 0.5),
        "with_b": int(rng.random() < 0.5),
        "with_s": int(rng.random() < 0.6),
    }
