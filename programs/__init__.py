"""Compilers from a workload and a mapping to tile programs.

`workload` says what is to be computed, `tiling` chooses how it is cut, `work` deals it out to
groups of tiles, `placement` puts the tensors into HBM, `flat` generates what each queue of a tile
does as a flat list of operations (`trace`), and `roll` and `loops` turn the list into a small
program with hardware loops. docs/dataflows.md has the schedule and the semaphores.
"""
