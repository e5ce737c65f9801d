"""Attention of special values: what goes into q, k and v, and what must come out, one query head
for each case.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from isa.formats import FORMATS, decode, encode
from isa.instructions import Format

__all__ = ["CASES", "SpecialValue", "cases_of", "classes", "make_tensors", "table"]

Tensor = NDArray[np.float32]

STORED = (Format.FP16, Format.BF16, Format.E4M3, Format.E5M2)
WITH_INFINITY = tuple(fmt for fmt in STORED if FORMATS[fmt].has_infinity)


@dataclass(frozen=True)
class SpecialValue:
    """One kind of special value.

    `edit` changes q (Sq, D), k (Skv, D) and v (Skv, Dv) of a head, drawn around 0 with all elements
    finite; Sq and Skv are at least 8, D and Dv at least 4.
    """

    put: str
    output: str
    edit: Callable[[Tensor, Tensor, Tensor, Format], None]
    textbook: str = ""
    """What fp64 gives, where the tiles give something else."""
    formats: tuple[Format, ...] = STORED


CASES: dict[str, SpecialValue] = {}


def _case(put: str, output: str, textbook: str = "", formats: tuple[Format, ...] = STORED):
    def add(edit: Callable[[Tensor, Tensor, Tensor, Format], None]):
        CASES[edit.__name__.strip("_")] = SpecialValue(put, output, edit, textbook, formats)
        return edit

    return add


def _largest(fmt: Format) -> float:
    table = decode(
        np.arange(1 << FORMATS[fmt].bits, dtype=np.uint32).astype(FORMATS[fmt].dtype), fmt
    )
    return float(table[np.isfinite(table)].max())


def _smallest(fmt: Format) -> float:
    """The least normal number; subnormal ones are below."""
    return 2.0 ** (1 - FORMATS[fmt].bias)


@_case("a row of q is +0, another −0", "the mean of the V it sees: all scores are equal")
def _zero_queries(q, k, v, fmt):
    q[3], q[4] = 0.0, -0.0


@_case("all keys are equal", "the mean of the V it sees")
def _equal_scores(q, k, v, fmt):
    k[:] = k[0]


@_case("a column of V is −0 throughout", "+0: sums start at +0")
def _minus_zero_values(q, k, v, fmt):
    v[:, 1] = -0.0


@_case("subnormal q and k", "as any other numbers")
def _subnormal_keys(q, k, v, fmt):
    q[:, 0], k[:, 0] = _smallest(fmt) / 2, _smallest(fmt) / -2
    q[5], k[5] = _smallest(fmt) / 4, _smallest(fmt) / 2


@_case(
    "a column of V is subnormal",
    "the sum, as any other",
    formats=(Format.FP16, Format.E4M3, Format.E5M2),
)
def _subnormal_values(q, k, v, fmt):
    v[:, 1] = _smallest(fmt) / 2


@_case(
    "a column of V is subnormal in BF16",
    "0: products below 2^-126 are",
    "the sum, below 2^-126",
    (Format.BF16,),
)
def _subnormal_bf16_values(q, k, v, fmt):
    v[:, 1] = _smallest(fmt) / 2


@_case("scores so far apart that all P but one are 0", "the V of the largest score, exactly")
def _huge_scores(q, k, v, fmt):
    large = 2.0 ** np.floor(np.log2(_largest(fmt)) / (2 if fmt == Format.BF16 else 1))
    q[:], k[:] = 0, 0
    q[:, 0] = large
    # The first key is the one that every row of a causal mask sees.
    k[:, 0] = -large / 2
    k[0, 0] = large / 2


@_case(
    "finite q·k beyond FP32's range",
    "NaN: the score is +inf",
    "the V of the largest score",
    (Format.BF16,),
)
def _scores_beyond_fp32(q, k, v, fmt):
    q[:], k[:] = 0, 0
    q[:, 0], k[0, 0] = 2.0**100, 2.0**100


@_case(
    "V near FP32's largest number",
    "+inf: O is divided by the row sum at the end only",
    "finite",
    (Format.BF16,),
)
def _sums_beyond_fp32(q, k, v, fmt):
    q[:] = 0
    v[:, 1] = 2.0**127


@_case("NaN in q", "NaN in that row")
def _nan_query(q, k, v, fmt):
    q[6, 2] = np.nan


@_case("NaN in K", "NaN in the rows that see that key")
def _nan_key(q, k, v, fmt):
    k[2, 1] = np.nan


@_case("NaN in V", "NaN in that column of the rows that see that key; see below for masked ones")
def _nan_value(q, k, v, fmt):
    v[2, 1] = np.nan


@_case("infinities in q: a score of +inf", "NaN in that row: inf − inf", formats=WITH_INFINITY)
def _infinite_query(q, k, v, fmt):
    q[6, 2], k[0, 2] = np.inf, 1


@_case("inf in q times 0 in K", "NaN in that row", formats=WITH_INFINITY)
def _infinity_times_zero(q, k, v, fmt):
    q[6, 2], k[:, 2] = -np.inf, 0


@_case("infinity in K: a score of +inf", "NaN in the rows that see that key", formats=WITH_INFINITY)
def _infinite_score(q, k, v, fmt):
    q[:, 1], k[2, 1] = 1, np.inf


@_case("infinity in K: a score of −inf", "as without that key", formats=WITH_INFINITY)
def _minus_infinite_score(q, k, v, fmt):
    q[:, 1], k[2, 1] = 1, -np.inf


@_case(
    "all scores of a row are −inf",
    "0, as for a row that sees nothing",
    "NaN: inf − inf",
    WITH_INFINITY,
)
def _all_scores_minus_infinite(q, k, v, fmt):
    q[6, 1], k[:, 1] = -np.inf, 1


@_case(
    "+inf in V",
    "+inf in that column of the rows that see that key, NaN where its P is 0 as stored",
    formats=WITH_INFINITY,
)
def _infinite_value(q, k, v, fmt):
    q[:] = 0
    v[2, 1] = np.inf


@_case("+inf and −inf in a column of V", "NaN in that column", formats=WITH_INFINITY)
def _opposite_infinite_values(q, k, v, fmt):
    q[:] = 0
    v[2, 1], v[3, 1] = np.inf, -np.inf


@_case(
    "+inf in V at a key whose P is 0 as stored, but not in fp64",
    "NaN: 0 · inf",
    "+inf",
    WITH_INFINITY,
)
def _infinite_value_of_a_small_probability(q, k, v, fmt):
    q[:], k[:] = 0, 0
    q[:, 0], k[1, 0], v[1, 1] = 16, -32, np.inf


def cases_of(fmt: Format) -> dict[str, SpecialValue]:
    """The cases that a format has."""
    return {name: case for name, case in CASES.items() if fmt in case.formats}


def make_tensors(
    fmt: Format, sq: int, skv: int, d: int, dv: int, seed: int = 0
) -> tuple[Tensor, Tensor, Tensor]:
    """Make q, k and v as the format holds them, with a head for each of `cases_of`, in that
    order.
    """
    rng = np.random.default_rng(seed)
    heads = cases_of(fmt)
    tensors = [
        rng.uniform(-1, 1, (len(heads), *shape)).astype(np.float32)
        for shape in ((sq, d), (skv, d), (skv, dv))
    ]
    for case, q, k, v in zip(heads.values(), *tensors, strict=True):
        case.edit(q, k, v, fmt)
    q, k, v = (decode(encode(tensor, fmt), fmt) for tensor in tensors)
    return q, k, v


def classes(values: NDArray) -> NDArray[np.str_]:
    """Class of each element: ``nan``, ``+inf``, ``-inf``, ``0`` or ``finite``."""
    conditions = [np.isnan(values), values == np.inf, values == -np.inf, values == 0]
    return np.select(conditions, ["nan", "+inf", "-inf", "0"], "finite")


def table() -> str:
    """All cases for docs/numerics.md."""
    lines = ["| input | output | fp64, where it differs | formats |", "|---|---|---|---|"]
    for case in CASES.values():
        formats = "all" if case.formats == STORED else ", ".join(fmt.name for fmt in case.formats)
        lines.append(f"| {case.put} | {case.output} | {case.textbook} | {formats} |")
    return "\n".join(lines)
