"""The workload C = A B, from a spec like ``gemm:M=256,N=256,K=256``."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from isa.errors import UserError
from isa.formats import decode, encode
from isa.instructions import Format
from programs.common.spec import MOST, whole_numbers

__all__ = ["KEYS", "Gemm", "parse_gemm", "random_matrices"]

Tensor = NDArray[np.float32]

KEYS = ("B", "M", "N", "K")
_EXAMPLE = "for example gemm:M=256,N=256,K=256"


@dataclass(frozen=True)
class Gemm:
    """C = A B for each of `batch` pairs: a (batch, m, k) and b (batch, k, n) stored in `fmt`, c
    (batch, m, n) in `o_fmt`.
    """

    m: int
    n: int
    k: int
    batch: int = 1
    fmt: Format = Format.FP16
    o_fmt: Format = None  # type: ignore[assignment]  # becomes `fmt`, so that readers need not ask

    def __post_init__(self) -> None:
        if self.o_fmt is None:
            object.__setattr__(self, "o_fmt", self.fmt)
        for name in ("m", "n", "k", "batch"):
            value = getattr(self, name)
            if not 1 <= value <= MOST:
                raise UserError(f"workload: {name} must be from 1 to {MOST}, not {value}")
        if Format.FP32 in (self.fmt, self.o_fmt):
            raise UserError("workload: a storage format must be fp16, bf16, e4m3 or e5m2, not fp32")

    @property
    def useful_macs(self) -> int:
        """Multiply-accumulates."""
        return self.batch * self.m * self.n * self.k


def parse_gemm(spec: str, fmt: Format = Format.FP16) -> Gemm:
    """Read ``gemm:M=...,N=...,K=...``, with B (batch, 1 where not given).

    Raises
    ------
    UserError
        One line that says what is wrong with it.
    """
    where = f"WORKLOAD {spec!r}"
    text = spec.partition(":")[2]
    values = whole_numbers(where, text.split(",") if text else [], KEYS, _EXAMPLE)
    if missing := [key for key in ("M", "N", "K") if key not in values]:
        raise UserError(f"{where}: needs {missing[0]} ({_EXAMPLE})")
    return Gemm(m=values["M"], n=values["N"], k=values["K"], batch=values.get("B", 1), fmt=fmt)


def random_matrices(workload: Gemm, seed: int) -> tuple[Tensor, Tensor]:
    """Draw standard normal a and b and round them to the storage format. The same seed gives the
    same matrices.
    """
    rng = np.random.default_rng(seed)
    shapes = (workload.batch, workload.m, workload.k), (workload.batch, workload.k, workload.n)
    a, b = (
        decode(encode(rng.standard_normal(shape, np.float32), workload.fmt), workload.fmt)
        for shape in shapes
    )
    return a, b
