"""Attention as a kind of workloads."""

from programs.attention.compile import compile_attention, compile_attention_mapping
from programs.attention.mapping import DATAFLOWS, AttentionMapping
from programs.attention.tiling import estimate_attention, rank_attention
from programs.attention.workload import SPECS, Attention, parse_attention, random_tensors
from programs.common.kind import WorkloadKind

__all__ = ["ATTENTION"]


class _AttentionKind:
    name = "attention"
    specs = SPECS
    workload = Attention
    dataflows = tuple(DATAFLOWS)
    parse = staticmethod(parse_attention)
    rank = staticmethod(rank_attention)
    estimate = staticmethod(estimate_attention)
    compile = staticmethod(compile_attention)
    compile_mapping = staticmethod(compile_attention_mapping)
    random_tensors = staticmethod(random_tensors)


ATTENTION: WorkloadKind[Attention, AttentionMapping] = _AttentionKind()
