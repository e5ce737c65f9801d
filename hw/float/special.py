"""FP32 bit patterns with a meaning of their own."""

from isa.formats import FORMATS
from isa.instructions import Format

__all__ = ["CANONICAL_NAN", "INFINITY", "MINUS_INFINITY"]

CANONICAL_NAN = FORMATS[Format.FP32].nan
INFINITY = 0x7F800000
MINUS_INFINITY = 0xFF800000
