"""Verification of whole networks on the emitted Verilog: traffic, deadlock, faults, coverage, saturation, latency."""
