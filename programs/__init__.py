"""Compilers from a workload and a mapping to tile programs.

`compiler` is the one way in. `attention` and `gemm` each have a `workload` that says what is to be
computed, a `tiling` that chooses how it is cut, a `placement` of the tensors in HBM, and `queues`
that list what each queue of a tile does. `common` turns such lists (`trace`) into small programs
with hardware loops (`roll`, `loops`) and checks them; `collectives` has multicasts and reductions
alone. docs/dataflows.md has the schedule and the semaphores.
"""
