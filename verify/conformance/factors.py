"""What cases are made of: meshes, variants of attention, sizes, products, network options."""

from programs.compiler import dataflows_of
from programs.gemm.workload import Gemm

__all__ = [
    "BANDWIDTHS",
    "FOCUSES",
    "GEMMS",
    "GEMM_DATAFLOWS",
    "LARGE",
    "LATENCIES",
    "MESHES",
    "OPTIONS",
    "SIZES",
    "STALLS",
    "VARIANTS",
]

FOCUSES = ("vector", "matrix", "network", "wild")
"""What instruction programs are about, see `verify.conformance.tile_programs`."""

MESHES: dict[str, dict[str, int]] = {
    "2x2": {},
    "3x2": {},
    "4x1": {"south_pitch": 2},
    "1x4": {"west_pitch": 2},
    "5x3": {"west_pitch": 2, "east_pitch": 1, "south_pitch": 3, "north_pitch": 2},
}
"""Meshes of the sets, and where their channels are if not as in the base machine."""

VARIANTS: dict[str, str] = {
    "mha": "mha:H=2,Sq={q},Skv={k}",
    "mha-causal": "mha:H=2,Sq={q},Skv={q},causal=1",
    "mha-unseen": "mha:H=2,Sq={k},Skv={q},causal=1",
    "gqa": "gqa:H=6,Hkv=2,Sq={q},Skv={k}",
    "gqa-causal": "gqa:H=4,Hkv=2,Sq={q},Skv={k},causal=1",
    "mqa-decode": "mqa:B=2,H=5,Sq=1,Skv={k}",
    "gqa-decode": "gqa:B=2,H=6,Hkv=3,Sq=1,Skv={k}",
    "gqa-speculative": "gqa:H=6,Hkv=2,sp=4,Skv={k}",
    "mqa-speculative-causal": "mqa:H=4,sp=2,Skv={k},causal=1",
    "mla-decode": "mla:H=5,Sq=1,Skv={k}",
    "mla-speculative-causal": "mla:B=2,H=4,sp=2,Skv={k},causal=1",
    "mla-causal": "mla:H=3,Sq={q},Skv={k},causal=1",
    "ragged-decode": "gqa:B=3,H=4,Hkv=2,Sq=1,Skv={k},len=1/{k}/{half}",
    "ragged-causal": "mha:B=2,H=2,Sq={small},Skv={k},len={k}/{half},causal=1",
}
"""The attention family."""

SIZES: dict[str, dict[str, int]] = {
    "whole": {"q": 32, "k": 64, "d": 16, "dv": 16},
    "tails": {"q": 37, "k": 59, "d": 24, "dv": 20},
    "odd": {"q": 19, "k": 83, "d": 17, "dv": 9},
    "small": {"q": 5, "k": 7, "d": 3, "dv": 1},
}
"""Queries, keys and columns of K and V."""

LARGE: dict[str, dict[str, int]] = {
    "large": {"q": 130, "k": 200, "d": 64, "dv": 64},
    "wide": {"q": 33, "k": 300, "d": 130, "dv": 100},
}
"""Further sizes of the nightly set."""

GEMM_DATAFLOWS = dataflows_of(Gemm(1, 1, 1))
GEMMS: dict[str, str] = {
    "whole": "gemm:M=32,N=32,K=64",
    "tails": "gemm:M=37,N=45,K=50",
    "batch": "gemm:B=3,M=11,N=20,K=33",
    "small": "gemm:M=1,N=2,K=3",
}
"""Matrix products."""

OPTIONS: dict[str, dict[str, str]] = {
    "hardware": {},
    "forward": {"reads": "forward"},
    "memory": {"all_reduce": "memory"},
    "neither": {"reads": "forward", "all_reduce": "memory"},
}
"""With and without features of the network."""

STALLS = (0, 64, 128)
LATENCIES = (1, 60, 400)
BANDWIDTHS = (4, 8, 16)
