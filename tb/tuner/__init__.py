"""Choosing a mapping by trying: candidates by their estimate, cycles by the RTL."""
