"""Floating-point arithmetic: FP32 add, multiply, exp2, reciprocal, and conversions from and to the
storage formats.
"""
