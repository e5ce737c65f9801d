"""The table of the exponential, recomputed with fifty digits."""

from decimal import ROUND_HALF_EVEN, Decimal, localcontext
from itertools import pairwise

from isa.exp2 import FRACTION_BITS, INDEX_BITS, TABLE


def test_every_entry_is_correctly_rounded():
    assert len(TABLE) == (1 << INDEX_BITS) + 1
    with localcontext(prec=50):
        for i, entry in enumerate(TABLE):
            exact = Decimal(2) ** (Decimal(i) / (1 << INDEX_BITS)) * (1 << FRACTION_BITS)
            assert entry == int(exact.to_integral_value(ROUND_HALF_EVEN)), i


def test_the_ends_and_the_slope():
    assert TABLE[0] == 1 << FRACTION_BITS and TABLE[-1] == 2 << FRACTION_BITS
    assert all(low < high for low, high in pairwise(TABLE))


def test_chords_are_within_the_promised_error():
    """The largest gap between chord and curve is near the middle of a step: relative (ln 2 / 256)^2
    / 8 < 2^-19.
    """
    with localcontext(prec=50):
        step = Decimal(1) / (1 << INDEX_BITS)
        for i, (low, high) in enumerate(pairwise(TABLE)):
            exact = Decimal(2) ** (step * (i + Decimal("0.5"))) * (1 << FRACTION_BITS)
            assert abs(Decimal(low + high) / 2 - exact) / exact < Decimal(2) ** -19
