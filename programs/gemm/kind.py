"""GEMM as a kind of workloads."""

from programs.common.kind import WorkloadKind
from programs.gemm.compile import compile_gemm, compile_gemm_mapping
from programs.gemm.mapping import GemmMapping
from programs.gemm.tiling import estimate_gemm, rank_gemm
from programs.gemm.workload import Gemm, parse_gemm, random_matrices

__all__ = ["GEMM"]


class _GemmKind:
    name = "gemm"
    specs = ("gemm",)
    workload = Gemm
    dataflows = ("summa",)
    parse = staticmethod(parse_gemm)
    rank = staticmethod(rank_gemm)
    estimate = staticmethod(estimate_gemm)
    compile = staticmethod(compile_gemm)
    compile_mapping = staticmethod(compile_gemm_mapping)
    random_tensors = staticmethod(random_matrices)


GEMM: WorkloadKind[Gemm, GemmMapping] = _GemmKind()
