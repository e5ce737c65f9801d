"""Workloads: what attention is to be computed, from a spec like ``mha:S=512,D=64,H=4``."""

import re
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from isa.errors import UserError
from isa.formats import decode, encode
from isa.instructions import Format
from programs.common.spec import MOST, whole_numbers

__all__ = ["SPECS", "Attention", "parse_attention", "random_tensors"]

Tensor = NDArray[np.float32]

KEYS = ("B", "H", "Hkv", "S", "Sq", "Skv", "D", "Dv", "sp", "causal", "len", "scale")
SPECS = ("mha", "gqa", "mqa", "mla")
_LATENT = {"D": 576, "Dv": 512}
"""Columns of K and V in mla where they are not given: those of DeepSeek-V3, absorbed."""
_EXAMPLE = "for example mha:S=512,D=64,H=4"


@dataclass(frozen=True)
class Attention:
    """Attention of `heads` query heads: q (heads, sq, d), k (kv_heads, skv, d), v (kv_heads, skv,
    dv).

    Consecutive query heads share a KV head. `heads` and `kv_heads` count the batch too. `fmt` is
    the storage format of q, k and v.
    """

    heads: int
    sq: int
    skv: int
    d: int
    dv: int
    fmt: Format = Format.FP16
    causal: bool = False
    kv_heads: int = 0
    """0 becomes `heads`."""
    lengths: tuple[int, ...] = ()
    """Keys of each KV head, the first ones of its `skv`; empty: all of them."""
    latent: bool = False
    """V is the first `dv` columns of K (MLA with absorbed weights), and not stored again."""
    p_fmt: Format = None  # type: ignore[assignment]  # becomes `fmt`, so that readers need not ask
    """Storage format of the probabilities; None becomes `fmt`, here and for the output."""
    o_fmt: Format = None  # type: ignore[assignment]  # likewise
    scale: float | None = None
    """Of the scores, above 0; None: 1 / sqrt(d)."""

    def __post_init__(self) -> None:
        if not self.kv_heads:
            object.__setattr__(self, "kv_heads", self.heads)
        for name in ("p_fmt", "o_fmt"):
            if getattr(self, name) is None:
                object.__setattr__(self, name, self.fmt)
        for name in ("heads", "kv_heads", "sq", "skv", "d", "dv"):
            value = getattr(self, name)
            if not 1 <= value <= MOST:
                raise UserError(f"workload: {name} must be from 1 to {MOST}, not {value}")
        if self.heads % self.kv_heads:
            raise UserError(
                f"workload: {self.heads} query heads cannot share {self.kv_heads} KV heads evenly"
            )
        if self.latent and self.dv > self.d:
            raise UserError(
                f"workload: V is part of K, so dv must be at most d={self.d}, not {self.dv}"
            )
        if self.lengths and len(self.lengths) != self.kv_heads:
            raise UserError(
                f"workload: there must be {self.kv_heads} lengths, one for each KV head, not "
                f"{len(self.lengths)}"
            )
        for length in self.lengths:
            if not 1 <= length <= self.skv:
                raise UserError(
                    f"workload: a length must be from 1 to the {self.skv} keys of the cache, not "
                    f"{length}"
                )
        if self.scale is not None and not 2.0**-100 <= self.scale <= 2.0**100:
            raise UserError(f"workload: scale must be from 2^-100 to 2^100, not {self.scale:g}")
        if Format.FP32 in (self.fmt, self.p_fmt, self.o_fmt):
            raise UserError("workload: a storage format must be fp16, bf16, e4m3 or e5m2, not fp32")

    @property
    def sharing(self) -> int:
        """Query heads that share a KV head."""
        return self.heads // self.kv_heads

    @property
    def rows(self) -> int:
        """Query rows of a KV head: those of the heads that share it, stacked."""
        return self.sq * self.sharing

    @property
    def masked(self) -> bool:
        """Whether rows see different keys: causal, with more than one position."""
        return self.causal and self.sq > 1

    def length(self, head: int) -> int:
        """Keys of a KV head."""
        return self.lengths[head] if self.lengths else self.skv

    def sees(self, head: int, row: Any) -> Any:
        """Keys of a KV head that a (stacked) row of it sees, or each of an array of rows; none or
        less: not even the first one.
        """
        return self.length(head) - (self.sq - 1 - row // self.sharing if self.masked else 0)

    @property
    def useful_macs(self) -> int:
        """Multiply-accumulates of Q Kᵀ and P V, of every query with the keys it sees."""
        heads = {self.length(head): head for head in range(self.kv_heads)}
        of_length = {
            length: sum(max(0, self.sees(head, p * self.sharing)) for p in range(self.sq))
            if self.masked
            else length * self.sq
            for length, head in heads.items()
        }
        seen = sum(of_length[self.length(head)] for head in range(self.kv_heads))
        return seen * self.sharing * (self.d + self.dv)


def parse_attention(spec: str, fmt: Format = Format.FP16) -> Attention:
    """Read a spec ``kind:key=value,...``; ``len=300/17`` gives each sequence of the batch a length,
    of Skv at most, and ``scale=0.1`` replaces 1 / sqrt(D).

    S stands for Sq and Skv, D for Dv too; B (batch), H (heads) and sp are 1, causal is 0 where they
    are not given. Hkv (KV heads of a sequence) is H for mha, 1 for mqa and mla, and must be given
    for gqa. In mla, D is 576 and Dv 512 where they are not given, and V is the first Dv columns of
    K. sp is Sq of a speculative decode step. Causal masks end at the last key.

    Raises
    ------
    UserError
        One line that says what is wrong with it.
    """
    where = f"WORKLOAD {spec!r}"
    kind, _, rest = spec.partition(":")
    if kind not in SPECS:
        raise UserError(f"{where}: kind must be one of {', '.join(SPECS)}, not {kind!r}")
    rest, scale = _take_scale(where, rest)
    values, lengths = _values(where, rest)
    heads, kv_heads = _heads(where, kind, values)
    if values.get("sp", 1) > 1:
        if "S" in values or values.get("Sq", 1) > 1:
            raise UserError(
                f"{where}: sp is the queries of a decode step: give Skv with it, and neither S nor "
                "Sq"
            )
        values["Sq"] = values["sp"]
    elif "sp" in values and "S" not in values:
        values.setdefault("Sq", 1)
    if lengths:
        batch, cache = values.get("B", 1), values.get("Skv", values.get("S", MOST))
        if len(lengths) != batch:
            raise UserError(
                f"{where}: len must be {batch} lengths, one for each sequence (B), not "
                f"{len(lengths)}"
            )
        if wrong := [length for length in lengths if not 1 <= length <= cache]:
            raise UserError(
                f"{where}: each of len must be from 1 to {cache}, the keys of the cache (Skv), not "
                f"{wrong[0]}"
            )
    for name in ("Sq", "Skv"):
        if "S" in values and name in values:
            raise UserError(f"{where}: give S, or Sq and Skv, not S and {name}")
    if kind == "mla":
        values = _LATENT | values
        if values["Dv"] > values["D"]:
            raise UserError(
                f"{where}: V is the first columns of K in mla: Dv must be at most D={values['D']}, "
                f"not {values['Dv']}"
            )
    missing = [name for name in ("Sq", "Skv") if name not in values and "S" not in values]
    if missing or "D" not in values:
        raise UserError(f"{where}: needs {'D' if not missing else 'S, or Sq and Skv'} ({_EXAMPLE})")
    return Attention(
        heads=values.get("B", 1) * heads,
        kv_heads=values.get("B", 1) * kv_heads,
        sq=values.get("Sq", values.get("S", 0)),
        skv=values.get("Skv", values.get("S", 0)),
        d=values["D"],
        dv=values.get("Dv", values["D"]),
        fmt=fmt,
        causal=bool(values.get("causal", 0)),
        lengths=tuple(length for length in lengths for _ in range(kv_heads)),
        latent=kind == "mla",
        scale=scale,
    )


def _heads(where: str, kind: str, values: dict[str, int]) -> tuple[int, int]:
    """Query and KV heads of a sequence."""
    heads = values.get("H", 1)
    if kind == "gqa":
        if "Hkv" not in values:
            raise UserError(
                f"{where}: gqa needs Hkv, the number of KV heads (for example "
                "gqa:S=512,D=64,H=12,Hkv=4)"
            )
        if heads % values["Hkv"]:
            raise UserError(f"{where}: Hkv must divide H={heads}, not be {values['Hkv']}")
        return heads, values["Hkv"]
    only, why = (heads, f"H={heads}") if kind == "mha" else (1, "1")
    if values.get("Hkv", only) != only:
        raise UserError(f"{where}: Hkv must be {why} in {kind}, not {values['Hkv']}")
    return heads, only


def _take_scale(where: str, text: str) -> tuple[str, float | None]:
    """The spec without its scale, and the scale."""
    items = text.split(",")
    scales = [item for item in items if item.partition("=")[0].strip() == "scale"]
    if not scales:
        return text, None
    if len(scales) > 1:
        raise UserError(f"{where}: scale is given twice")
    number = scales[0].partition("=")[2].strip()
    if not re.fullmatch(r"[0-9]*\.?[0-9]+(e[+-]?[0-9]{1,3})?", number, re.ASCII | re.IGNORECASE):
        raise UserError(f"{where}: scale must be a number above 0, not {number!r}")
    return ",".join(item for item in items if item not in scales), float(number)


def _values(where: str, text: str) -> tuple[dict[str, int], list[int]]:
    """Values by key, and the lengths of the sequences."""
    lengths: list[int] = []
    items = []
    for item in text.split(",") if text else []:
        match = re.fullmatch(r"\s*len\s*=\s*([0-9]{1,8}(?:/[0-9]{1,8})*)\s*", item, re.ASCII)
        if not match:
            items.append(item)
        elif lengths:
            raise UserError(f"{where}: len is given twice")
        else:
            lengths = [int(length) for length in match[1].split("/")]
    return whole_numbers(where, items, KEYS, _EXAMPLE, flags=("causal",)), lengths


def random_tensors(workload: Attention, seed: int) -> tuple[Tensor, Tensor, Tensor]:
    """Draw standard normal q, k and v and round them to the storage format. The same seed gives the
    same tensors.
    """
    rng = np.random.default_rng(seed)
    shapes = (
        (workload.heads, workload.sq, workload.d),
        (workload.kv_heads, workload.skv, workload.d),
        (workload.kv_heads, workload.skv, workload.dv),
    )
    q, k, v = (_round(rng.standard_normal(shape, np.float32), workload.fmt) for shape in shapes)
    return q, k, k[:, :, : workload.dv] if workload.latent else v


def _round(values: Tensor, fmt: Format) -> Tensor:
    return decode(encode(values, fmt), fmt)
