"""Multicasts, reductions and all-reduces as tile programs, in the network or in software."""
