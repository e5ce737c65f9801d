"""Grids of runs: what a spec asks for, the processes that do it, what is kept, and its table."""
