"""Attention as a kind of workloads."""

from programs.attention.compile import compile_attention, compile_attention_mapping
from programs.attention.mapping import DATAFLOWS, AttentionMapping
from programs.attention.tiling import estimate_attention, rank_attention
from programs.attention.workload import SPECS, Attention, parse_attention, random_tensors
from programs.common.kind import WorkloadKind

__all__ = ["ATTENTION"]

ATTENTION: WorkloadKind[Attention, AttentionMapping] = WorkloadKind(
    name="attention",
    specs=SPECS,
    workload=Attention,
    dataflows=tuple(DATAFLOWS),
    parse=parse_attention,
    rank=rank_attention,
    estimate=estimate_attention,
    compile=compile_attention,
    compile_mapping=compile_attention_mapping,
    random_tensors=random_tensors,
)
