"""GEMM as a kind of workloads."""

from programs.common.kind import WorkloadKind
from programs.gemm.compile import compile_gemm, compile_gemm_mapping
from programs.gemm.mapping import GemmMapping
from programs.gemm.tiling import estimate_gemm, rank_gemm
from programs.gemm.workload import Gemm, parse_gemm, random_matrices

__all__ = ["GEMM"]

GEMM: WorkloadKind[Gemm, GemmMapping] = WorkloadKind(
    name="gemm",
    specs=("gemm",),
    workload=Gemm,
    dataflows=("summa",),
    parse=parse_gemm,
    rank=rank_gemm,
    estimate=estimate_gemm,
    compile=compile_gemm,
    compile_mapping=compile_gemm_mapping,
    random_tensors=random_matrices,
)
