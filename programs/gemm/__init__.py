"""GEMM on groups of tiles: the workload, how it is cut, where it is in HBM, and what each queue
does. `programs.gemm.compile` compiles it.
"""
