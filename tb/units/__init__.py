"""Unit benches: one cocotb module per hardware block, run by the test of the same name."""
