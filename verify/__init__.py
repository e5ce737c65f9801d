"""Is the hardware right? Conformance, mutants, formal proofs, data races."""
