"""The network benchmarks: what is measured, and the report of it."""
