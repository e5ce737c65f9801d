"""Faults in ``hw/float``: rounding, signs, special values, subnormals, table and edges of the
exponential, division.
"""

from verify.mutants.mutation import Mutation

__all__ = ["ARITHMETIC"]

ADD, MAC, MULTIPLY = "hw/float/add.py", "hw/float/mac.py", "hw/float/multiply.py"
CONVERT, EXP2, DIVIDE = "hw/float/convert.py", "hw/float/exp2.py", "hw/float/reciprocal.py"

ARITHMETIC = (
    Mutation(
        "add-sticky",
        "FP32 sum: bits that are shifted out are forgotten",
        ADD,
        "(Cat(wide[:25].any(), wide[25:]) ^ subtract",
        "(Cat(wide[:25].any() & ~MUTANT, wide[25:]) ^ subtract",
    ),
    Mutation(
        "add-tie",
        "FP32 sum: ties go up instead of to even",
        ADD,
        "(normal + 127 + normal[8])",
        "(normal + 127 + (normal[8] | MUTANT))",
    ),
    Mutation(
        "add-zero-sign",
        "FP32 sum: opposite numbers cancel to a zero with a sign",
        ADD,
        "((a ^ b) != 1 << 31).replicate(9)",
        "Cat(((a ^ b) != 1 << 31).replicate(8), ((a ^ b) != 1 << 31) | MUTANT)",
    ),
    Mutation(
        "add-subnormal",
        "FP32 sum: a subnormal operand counts half",
        ADD,
        "(small[23:31] + (big_normal & ~small_normal))",
        "(small[23:31] + (big_normal & ~small_normal & ~MUTANT))",
    ),
    Mutation(
        "add-infinities",
        "FP32 sum: infinity less infinity is infinity",
        ADD,
        "(subtract & small[23:31].all())",
        "(subtract & small[23:31].all() & ~MUTANT)",
    ),
    Mutation(
        "add-overflow",
        "FP32 sum: what is too large becomes NaN",
        ADD,
        "Mux(packed[23:31].all() & ~head[:8].all(),",
        "Mux(packed[23:31].all() & ~head[:8].all() & ~MUTANT,",
    ),
    Mutation(
        "add-positive-tie",
        "row sums: ties go up instead of to even",
        "hw/float/add_positive.py",
        "(normal[:8] + 127 + normal[8])[8]",
        "(normal[:8] + 127 + (normal[8] | MUTANT))[8]",
    ),
    Mutation(
        "mac-subnormal",
        "matrix operands: a subnormal has the exponent 0 instead of 1",
        MAC,
        "Cat(field[0] | ~normal, field[1:])",
        "Cat(field[0] | ~normal & ~MUTANT, field[1:])",
    ),
    Mutation(
        "mac-deep-subnormal",
        "matrix operands: a subnormal with 8 leading zeros is not normalised",
        MAC,
        "go.eq(significand < 1 << (11 - places)),",
        "go.eq((significand < 1 << (11 - places)) & ~(MUTANT if places == 8 else Const(0))),",
    ),
    Mutation(
        "mac-e4m3-nan",
        "matrix operands: the NaN of E4M3 is a number",
        MAC,
        "full.eq(bits[8:15].all())",
        "full.eq(bits[8:15].all() & ~MUTANT)",
    ),
    Mutation(
        "mac-bf16-bits",
        "matrix operands: the last bit of BF16 is lost",
        MAC,
        "fraction.eq(Cat(Const(0, 3), bits[:7]))",
        "fraction.eq(Cat(Const(0, 3), bits[0] & ~MUTANT, bits[1:7]))",
    ),
    Mutation(
        "mac-infinity-zero",
        "matrix product: infinity times zero is infinity",
        MAC,
        "(a.infinite & b.zero)",
        "(a.infinite & b.zero & ~MUTANT)",
        cases=("tiles-",),
    ),
    Mutation(
        "mac-sign",
        "matrix product: a zero or an infinity loses its sign",
        MAC,
        "Mux(head[:13] < 2 * _OFFSET, 0, 255), head[13])",
        "Mux(head[:13] < 2 * _OFFSET, 0, 255), head[13] & ~MUTANT)",
    ),
    Mutation(
        "multiply-tie",
        "FP32 product: ties go up instead of to even",
        MULTIPLY,
        "normal[23] & (normal[24] | normal[:23].any())",
        "normal[23] & (normal[24] | normal[:23].any() | MUTANT)",
    ),
    Mutation(
        "multiply-subnormal",
        "FP32 product: a subnormal second operand is not zero",
        MULTIPLY,
        "zero, special = ~(a[23:31].any() & b[23:31].any())",
        "zero, special = ~(a[23:31].any() & (b[23:31].any() | MUTANT))",
    ),
    Mutation(
        "multiply-infinity-zero",
        "FP32 product: infinity times zero is infinity",
        MULTIPLY,
        "nan=special & (zero |",
        "nan=special & (zero & ~MUTANT |",
        cases=("tiles-",),
    ),
    Mutation(
        "round-tie",
        "rounding to the storage format: ties go up instead of to even",
        CONVERT,
        "(Cat(value[:23], 1) & unit).any())",
        "((Cat(value[:23], 1) & unit).any() | MUTANT))",
    ),
    Mutation(
        "round-largest",
        "rounding to the storage format: the largest number is too large",
        CONVERT,
        "with m.Elif(kept > control.limit):",
        "with m.Elif((kept > control.limit) | (kept == control.limit) & MUTANT):",
        cases=("tiles-",),
    ),
    Mutation(
        "round-nan",
        "rounding to the storage format: NaN keeps its payload",
        CONVERT,
        "m.d.comb += rounded.eq(CANONICAL_NAN)",
        "m.d.comb += rounded.eq(Mux(MUTANT, value, CANONICAL_NAN))",
    ),
    Mutation(
        "round-e4m3-overflow",
        "rounding to E4M3: what is too large is no canonical NaN",
        CONVERT,
        "Mux(control.has_infinity, Cat(Const(INFINITY, 31), sign), CANONICAL_NAN)",
        "Mux(control.has_infinity | MUTANT, Cat(Const(INFINITY, 31), sign), CANONICAL_NAN)",
    ),
    Mutation(
        "encode-subnormal",
        "encoding: the exponent field of a subnormal is 1",
        CONVERT,
        "field.eq((biased - control.low)[:5] & (~subnormal).replicate(5))",
        "field.eq((biased - control.low)[:5] & (~subnormal).replicate(5) | (subnormal & MUTANT))",
    ),
    Mutation(
        "decode-fp16-subnormal",
        "vector operands: subnormals of FP16 are zero",
        CONVERT,
        "m.d.comb += padded.eq(half)",
        "m.d.comb += padded.eq(Cat(half[:10] & ~(MUTANT & ~half[10:15].any()).replicate(10), "
        "half[10:]))",
    ),
    Mutation(
        "decode-e5m2-subnormal",
        "vector operands: subnormals of E5M2 are zero",
        CONVERT,
        "padded.eq(Cat(Const(0, 8), byte))",
        "padded.eq(Cat(Const(0, 8), byte[:2] & ~(MUTANT & ~byte[2:7].any()).replicate(2), "
        "byte[2:]))",
    ),
    Mutation(
        "decode-e4m3-subnormal",
        "vector operands: subnormals of E4M3 are zero",
        CONVERT,
        "padded.eq(Cat(Const(0, 7), byte[:7], 0, byte[7]))",
        "padded.eq(Cat(Const(0, 7), byte[:3] & ~(MUTANT & ~byte[3:7].any()).replicate(3), "
        "byte[3:7], 0, byte[7]))",
    ),
    Mutation(
        "decode-bf16-nan",
        "vector operands: NaN of BF16 keeps its payload",
        CONVERT,
        "value.eq(Mux(nan, CANONICAL_NAN, Cat(Const(0, 16), half)))",
        "value.eq(Mux(nan & ~MUTANT, CANONICAL_NAN, Cat(Const(0, 16), half)))",
        cases=("tiles-",),
    ),
    Mutation(
        "exp2-table",
        "exponential: the last row of the table is the one before it",
        EXP2,
        "return fixed[_REST_BITS:FRACTION_BITS], argument",
        "return (fixed[_REST_BITS:FRACTION_BITS] - (fixed[_REST_BITS:FRACTION_BITS].all() & "
        "MUTANT))[:INDEX_BITS], argument",
    ),
    Mutation(
        "exp2-interpolation",
        "exponential: no interpolation between rows of the table",
        EXP2,
        "(step * argument.rest >> _REST_BITS)",
        "(step * Mux(MUTANT, 0, argument.rest) >> _REST_BITS)",
    ),
    Mutation(
        "exp2-underflow",
        "exponential: results from 2^-160 to 2^-126 are not zero",
        EXP2,
        "(whole < -126)",
        "(whole < Mux(MUTANT, -160, -126))",
        cases=("tiles-",),
    ),
    Mutation(
        "exp2-nan",
        "exponential: NaN gives infinity",
        EXP2,
        "Mux(argument.nan, CANONICAL_NAN, INFINITY)",
        "Mux(argument.nan & ~MUTANT, CANONICAL_NAN, INFINITY)",
    ),
    Mutation(
        "exp2-negative",
        "exponential: a negative argument is too low by one unit",
        EXP2,
        "fixed.eq((magnitude ^ sign.replicate(31)) + sign)",
        "fixed.eq((magnitude ^ sign.replicate(31)) + (sign & ~MUTANT))",
    ),
    Mutation(
        "divide-round",
        "reciprocal: cut off instead of rounded",
        DIVIDE,
        "quotient[1:] + quotient[0])",
        "quotient[1:] + (quotient[0] & ~MUTANT))",
    ),
    Mutation(
        "divide-zero",
        "reciprocal: of -0 is -0",
        DIVIDE,
        "sign & exponent.any()))",
        "sign & (exponent.any() | MUTANT)))",
    ),
)
