"""How far the hardware's exponential is from the true one, over every input there is."""

from typing import NamedTuple

import numpy as np

from golden.arithmetic import LOG2E, exponential
from golden.storage import decode, encode
from isa.formats import FORMATS
from isa.instructions import Format

__all__ = ["ExpError", "exp_error"]


class ExpError(NamedTuple):
    """Errors of exp(x) against float64, in units in the last place of the storage format at the
    true result.
    """

    fmt: Format
    inputs: int
    """Values x <= 0 of the format that were compared, -0 and -inf included."""
    worst: float
    """Largest error of the hardware's result."""
    worst_input: float
    floor: float
    """Largest error of the correctly rounded result: nothing can be better."""
    misrounded: int
    """Inputs whose result is not the correctly rounded one."""
    flushed: int
    """Inputs left out because the true result is below 2^-126, where the hardware gives 0: BF16 has
    subnormals there.
    """

    def __str__(self) -> str:
        """One line for a table."""
        flushed = f", {self.flushed} below 2^-126 give 0" if self.flushed else ""
        return (
            f"exp in {self.fmt.name.lower()}: {self.worst:.4f} ulp at x = {self.worst_input:g}, "
            f"correctly rounded {self.floor:.4f} ulp, "
            f"{self.misrounded} of {self.inputs} inputs not correctly rounded{flushed}"
        )


def exp_error(fmt: Format) -> ExpError:
    """Exhaustive error of EXP with imm = log2(e) and b = 0, over every value x <= 0 of a format of
    up to 16 bits.
    """
    info = FORMATS[fmt]
    x = decode(np.arange(1 << info.bits, dtype=np.uint32).astype(info.dtype), fmt)
    x = x[x <= 0]
    exact = np.exp(x.astype(np.float64))
    least = np.ldexp(1.0, 1 - info.bias - info.mantissa)
    flushed = (exact < 2.0**-126) & (exact > least / 2)
    x, exact = x[~flushed], exact[~flushed]
    stored = encode(exponential(x, np.zeros(1, np.float32), np.array([LOG2E])), fmt)
    # Rounding twice is harmless: then `floor` could not be below a half, as a test asserts.
    ideal = encode(exact.astype(np.float32), fmt)
    _, exponent = np.frexp(exact)
    ulp = np.ldexp(1.0, np.maximum(exponent - 1, 1 - info.bias) - info.mantissa)
    error = np.abs(decode(stored, fmt) - exact) / ulp
    floor = np.abs(decode(ideal, fmt) - exact) / ulp
    worst = int(np.argmax(error))
    return ExpError(
        fmt=fmt,
        inputs=len(x),
        worst=float(error[worst]),
        worst_input=float(x[worst]),
        floor=float(floor.max()),
        misrounded=int((stored != ideal).sum()),
        flushed=int(flushed.sum()),
    )


if __name__ == "__main__":
    for each in (Format.FP16, Format.BF16, Format.E4M3, Format.E5M2):
        print(exp_error(each))
