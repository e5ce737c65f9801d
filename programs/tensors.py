"""Workloads with their tensors, and the way of the tensors into HBM and back, whatever the kind."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, ClassVar, Protocol

import numpy as np
from numpy.typing import NDArray

from isa.errors import UserError
from isa.instructions import Format
from programs.attention.workload import Attention, from_arrays, random_tensors
from programs.common.compiled import Compiled
from programs.compiler import parse_workload
from programs.gemm.workload import Gemm, random_matrices

__all__ = ["DTYPES", "AttentionTensors", "GemmTensors", "Tensors", "load_workload"]

Values = NDArray[np.float32]
Contents = Sequence[NDArray]
"""What each HBM channel holds, from word 0 up."""

DATA = Path(__file__).parent / "data"
DTYPES = {"fp16": Format.FP16, "bf16": Format.BF16, "e4m3": Format.E4M3, "e5m2": Format.E5M2}


class Tensors(Protocol):
    """A workload and its tensors, as FP32 arrays whose values the storage format holds exactly.
    Results have three axes.
    """

    axes: ClassVar[str]
    """What the indices of a result are, for messages."""

    @property
    def name(self) -> str:
        """What was asked for."""

    @property
    def workload(self) -> Any:
        """An `Attention` or a `Gemm`."""

    @property
    def dtypes(self) -> dict[str, str]:
        """Names of the formats other than that of the inputs, as keys of a result."""

    def scatter(self, compiled: Compiled) -> list[NDArray[np.uint8]]:
        """Contents of each channel before the run."""

    def gather(self, compiled: Compiled, contents: Contents) -> NDArray[np.unsignedinteger]:
        """Bits of the result, from the contents after it."""


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
    axes: ClassVar[str] = "(head, row, column)"

    @property
    def dtypes(self) -> dict[str, str]:
        """See `Tensors`."""
        return {
            "p_dtype": self.workload.p_fmt.name.lower(),
            "o_dtype": self.workload.o_fmt.name.lower(),
        }

    def scatter(self, compiled: Compiled) -> list[NDArray[np.uint8]]:
        """See `Tensors`."""
        return compiled.placement.scatter(self.q, self.k, self.v)

    def gather(self, compiled: Compiled, contents: Contents) -> NDArray[np.unsignedinteger]:
        """See `Tensors`."""
        return compiled.placement.gather(contents)


@dataclass(frozen=True)
class GemmTensors:
    """a (batch, m, k), b (batch, k, n); the result is (batch, m, n). See `Tensors`."""

    name: str
    workload: Gemm
    a: Values
    b: Values
    axes: ClassVar[str] = "(pair, row, column)"

    @property
    def dtypes(self) -> dict[str, str]:
        """See `Tensors`; there are no probabilities, so that their format is that of the inputs."""
        return {
            "p_dtype": self.workload.fmt.name.lower(),
            "o_dtype": self.workload.o_fmt.name.lower(),
        }

    def scatter(self, compiled: Compiled) -> list[NDArray[np.uint8]]:
        """See `Tensors`."""
        return compiled.placement.scatter(self.a, self.b)

    def gather(self, compiled: Compiled, contents: Contents) -> NDArray[np.unsignedinteger]:
        """See `Tensors`."""
        return compiled.placement.gather(contents)


def load_workload(
    spec: str, dtype: str, seed: int, p_dtype: str = "", o_dtype: str = ""
) -> AttentionTensors | GemmTensors:
    """Tensors of a named workload (``minilm``), a spec (``mha:S=512,D=64,H=4``, seeded data) or an
    ``.npz`` file.

    `p_dtype` and `o_dtype` are the formats of the probabilities and of the output; empty, they are
    `dtype`.

    Raises
    ------
    UserError
        If the workload or the format is unknown, or the file is not as it should be.
    """
    for variable, name in (
        ("DTYPE", dtype),
        ("PTYPE", p_dtype or dtype),
        ("OTYPE", o_dtype or dtype),
    ):
        if name not in DTYPES:
            raise UserError(f"{variable} must be one of {', '.join(DTYPES)}, not {name!r}")
    fmt, p_fmt, o_fmt = (DTYPES[name or dtype] for name in (dtype, p_dtype, o_dtype))
    if spec == "minilm" or spec.endswith(".npz"):
        path = DATA / "minilm.npz" if spec == "minilm" else Path(spec)
        workload, q, k, v = from_arrays(*_read_npz(path), fmt)
    else:
        parsed = parse_workload(spec, fmt)
        if isinstance(parsed, Gemm):
            if p_dtype:
                raise UserError(
                    "PTYPE is the format of probabilities, gemm has none: "
                    f"it must be empty, not {p_dtype!r}"
                )
            return GemmTensors(spec, replace(parsed, o_fmt=o_fmt), *random_matrices(parsed, seed))
        workload, (q, k, v) = parsed, random_tensors(parsed, seed)
    return AttentionTensors(spec, replace(workload, p_fmt=p_fmt, o_fmt=o_fmt), q, k, v)


def _read_npz(path: Path) -> tuple[NDArray, NDArray, NDArray]:
    try:
        with np.load(path, allow_pickle=False) as archive:
            missing = [name for name in "qkv" if name not in archive]
            if missing:
                raise UserError(
                    f"WORKLOAD file {path}: must hold arrays q, k and v, has no {missing[0]}"
                )
            return archive["q"], archive["k"], archive["v"]
    except FileNotFoundError:
        raise UserError(f"WORKLOAD file {path}: no such file") from None
    except UserError:
        raise
    except Exception as error:  # zip, pickle and header faults have no common type
        raise UserError(
            f"WORKLOAD file {path}: not a readable .npz ({type(error).__name__})"
        ) from None
