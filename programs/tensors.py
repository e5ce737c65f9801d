"""Workloads with their tensors, and the way of the tensors into HBM and back, whatever the kind."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, ClassVar, Protocol

import numpy as np
from numpy.typing import NDArray

from isa.errors import UserError
from isa.instructions import Format
from programs.archive import read_arrays
from programs.attention.arrays import OPTIONS, from_arrays
from programs.attention.workload import Attention, random_tensors
from programs.common.compiled import Compiled
from programs.common.rounding import Rounding
from programs.compiler import parse_workload
from programs.gemm.workload import Gemm, random_matrices

__all__ = ["DTYPES", "AttentionTensors", "GemmTensors", "Tensors", "converted"]
__all__ += ["load_workload"]

Values = NDArray[np.float32]
Contents = Sequence[NDArray]
"""What each HBM channel holds, from word 0 up."""

DATA = Path(__file__).parent / "data"
DTYPES = {"fp16": Format.FP16, "bf16": Format.BF16, "e4m3": Format.E4M3, "e5m2": Format.E5M2}
DEFAULT = "fp16"
"""Format of inputs that are drawn, or that a file has in none of `DTYPES`."""
TENSORS = ("q", "k", "v")


class Tensors(Protocol):
    """A workload and its tensors, as FP32 arrays whose values the storage format holds exactly.
    Results have three axes.
    """

    axes: ClassVar[str]
    """What the indices of a result are, for messages."""

    @property
    def seed(self) -> int:
        """Of what was drawn; recorded, whether anything was drawn or not."""

    @property
    def rounding(self) -> dict[str, Rounding]:
        """What rounding to the storage format did to each tensor of a file."""

    @property
    def file_formats(self) -> str:
        """What the tensors of a file are in it: ``bf16``, or ``q bf16, k fp32, v fp32``; empty if
        they are drawn.
        """

    @property
    def name(self) -> str:
        """What was asked for."""

    @property
    def workload(self) -> Any:
        """An `Attention` or a `Gemm`."""

    @property
    def dtypes(self) -> dict[str, str]:
        """Names of the formats, as keys of a result."""

    @property
    def terms(self) -> int:
        """Products in the sum that is an element of the result."""

    def scatter(self, compiled: Compiled) -> list[NDArray[np.uint8]]:
        """Contents of each channel before the run."""

    def gather(self, compiled: Compiled, contents: Contents) -> NDArray[np.unsignedinteger]:
        """Bits of the result, from the contents after it."""

    def shaped(self, result: NDArray) -> NDArray:
        """A result with as many axes as the tensors had when they came in."""


@dataclass(frozen=True)
class AttentionTensors:
    """q (heads, sq, d), k (kv_heads, skv, d), v (kv_heads, skv, dv); the result is (heads, sq, dv).
    See `Tensors`.
    """

    name: str
    workload: Attention
    q: Values
    k: Values
    v: Values
    seed: int = 1
    rounding: dict[str, Rounding] = field(default_factory=dict)
    file_formats: str = ""
    batch: int = 0
    """Sequences of a file whose arrays have four axes; 0: they have three."""
    axes: ClassVar[str] = "(head, row, column)"

    @property
    def terms(self) -> int:
        """See `Tensors`."""
        return self.workload.skv

    @property
    def dtypes(self) -> dict[str, str]:
        """See `Tensors`."""
        return {
            "dtype": self.workload.fmt.name.lower(),
            "p_dtype": self.workload.p_fmt.name.lower(),
            "o_dtype": self.workload.o_fmt.name.lower(),
        }

    def scatter(self, compiled: Compiled) -> list[NDArray[np.uint8]]:
        """See `Tensors`."""
        return compiled.placement.scatter(self.q, self.k, self.v)

    def gather(self, compiled: Compiled, contents: Contents) -> NDArray[np.unsignedinteger]:
        """See `Tensors`."""
        return compiled.placement.gather(contents)

    def shaped(self, result: NDArray) -> NDArray:
        """See `Tensors`."""
        return result.reshape(self.batch, -1, *result.shape[1:]) if self.batch else result


@dataclass(frozen=True)
class GemmTensors:
    """a (batch, m, k), b (batch, k, n); the result is (batch, m, n). See `Tensors`."""

    name: str
    workload: Gemm
    a: Values
    b: Values
    seed: int = 1
    rounding: dict[str, Rounding] = field(default_factory=dict)
    file_formats: str = ""
    axes: ClassVar[str] = "(pair, row, column)"

    @property
    def terms(self) -> int:
        """See `Tensors`."""
        return self.workload.k

    @property
    def dtypes(self) -> dict[str, str]:
        """See `Tensors`; there are no probabilities, so that their format is that of the inputs."""
        return {
            "dtype": self.workload.fmt.name.lower(),
            "p_dtype": self.workload.fmt.name.lower(),
            "o_dtype": self.workload.o_fmt.name.lower(),
        }

    def scatter(self, compiled: Compiled) -> list[NDArray[np.uint8]]:
        """See `Tensors`."""
        return compiled.placement.scatter(self.a, self.b)

    def gather(self, compiled: Compiled, contents: Contents) -> NDArray[np.unsignedinteger]:
        """See `Tensors`."""
        return compiled.placement.gather(contents)

    def shaped(self, result: NDArray) -> NDArray:
        """See `Tensors`."""
        return result


def load_workload(
    spec: str, dtype: str, seed: int, p_dtype: str = "", o_dtype: str = ""
) -> AttentionTensors | GemmTensors:
    """Tensors of a named workload (``minilm``), a spec (``mha:S=512,D=64,H=4``, seeded data) or an
    ``.npz`` file.

    An empty `dtype` is the format that the tensors of a file have, and FP16 if they have none of
    ours, or different ones, or are drawn. `p_dtype` and `o_dtype` are the formats of the
    probabilities and of the output; empty, they are that of the inputs.

    Raises
    ------
    UserError
        If the workload or the format is unknown, or the file is not as it should be.
    """
    for variable, name in (
        ("DTYPE", dtype),
        ("PTYPE", p_dtype),
        ("OTYPE", o_dtype),
    ):
        if name and name not in DTYPES:
            raise UserError(f"{variable} must be one of {', '.join(DTYPES)}, not {name!r}")
    if spec == "minilm" or spec.endswith(".npz"):
        return _from_file(spec, dtype, seed, p_dtype, o_dtype)
    fmt = DTYPES[dtype or DEFAULT]
    parsed = parse_workload(spec, fmt)
    p_fmt, o_fmt = (DTYPES.get(name, fmt) for name in (p_dtype, o_dtype))
    if isinstance(parsed, Gemm):
        if p_dtype:
            raise UserError(
                "PTYPE is the format of probabilities, gemm has none: "
                f"it must be empty, not {p_dtype!r}"
            )
        a, b = random_matrices(parsed, seed)
        return GemmTensors(spec, replace(parsed, o_fmt=o_fmt), a, b, seed)
    workload = replace(parsed, p_fmt=p_fmt, o_fmt=o_fmt)
    return AttentionTensors(spec, workload, *random_tensors(parsed, seed), seed)


def _from_file(spec: str, dtype: str, seed: int, p_dtype: str, o_dtype: str) -> AttentionTensors:
    path = DATA / "minilm.npz" if spec == "minilm" else Path(spec)
    arrays, told = read_arrays(path, TENSORS, OPTIONS, DTYPES.get(dtype))
    file_formats = _listed({name: told[name] for name in TENSORS})
    fmt = DTYPES[dtype or (file_formats if file_formats in DTYPES else DEFAULT)]
    p_fmt, o_fmt = (DTYPES.get(name, fmt) for name in (p_dtype, o_dtype))
    workload, q, k, v, rounding = from_arrays(fmt=fmt, **arrays)
    workload = replace(workload, p_fmt=p_fmt, o_fmt=o_fmt)
    batch = arrays["q"].shape[0] if arrays["q"].ndim == 4 else 0
    return AttentionTensors(spec, workload, q, k, v, seed, rounding, file_formats, batch)


def _listed(formats: dict[str, str]) -> str:
    """One format if all tensors have it, or else that of each."""
    if len(set(formats.values())) == 1:
        return next(iter(formats.values()))
    return ", ".join(f"{name} {fmt}" for name, fmt in formats.items())


def converted(file_formats: str, dtype: str) -> str:
    """That inputs in `dtype` are not what their file has, and how to keep them; else empty."""
    if file_formats in ("", dtype):
        return ""
    kept = f"; DTYPE={file_formats} keeps them" if file_formats in DTYPES else ""
    return f"rounded from the file's {file_formats}{kept}"
