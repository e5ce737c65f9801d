"""Specs and arrays become workloads, or one clear line."""

import numpy as np
import pytest

from isa.errors import UserError
from isa.formats import decode, encode
from isa.instructions import Format
from programs.attention.workload import Attention, parse_attention, random_tensors
from programs.compiler import parse_workload


def test_spec():
    assert parse_attention("mha:S=512,D=64,H=4") == Attention(heads=4, sq=512, skv=512, d=64, dv=64)
    assert parse_attention(
        "mha:B=2,H=3,Hkv=3,Sq=7,Skv=9,D=24,Dv=40,sp=1,causal=0", Format.BF16
    ) == Attention(heads=6, sq=7, skv=9, d=24, dv=40, fmt=Format.BF16)
    assert parse_attention("mha:S=5,D=2").useful_macs == 5 * 5 * 4
    assert parse_attention("gqa:B=2,H=4,Hkv=2,Sq=1,Skv=9,D=2,len=3/9").lengths == (3, 3, 9, 9)
    assert parse_attention("mha:B=2,Sq=1,Skv=9,D=2,len=3/9").useful_macs == 12 * 4
    assert parse_attention("mla:B=2,H=16,Sq=1,Skv=9") == Attention(
        heads=32, kv_heads=2, sq=1, skv=9, d=576, dv=512, latent=True
    )
    causal = parse_attention("gqa:H=6,Hkv=2,Sq=3,Skv=5,D=2,causal=1")
    assert [causal.sees(1, row) for row in range(9)] == [3, 3, 3, 4, 4, 4, 5, 5, 5]
    assert causal.useful_macs == 6 * (3 + 4 + 5) * 4
    grouped = parse_attention("gqa:B=2,H=12,Hkv=4,S=8,D=2")
    assert grouped == Attention(heads=24, kv_heads=8, sq=8, skv=8, d=2, dv=2)
    assert (grouped.sharing, grouped.rows) == (3, 24)
    assert parse_attention("gqa:H=4,Hkv=2,sp=3,Skv=9,D=2") == parse_attention(
        "gqa:H=4,Hkv=2,Sq=3,Skv=9,D=2"
    )
    assert parse_attention("mla:H=4,sp=1,Skv=9") == parse_attention("mla:H=4,Sq=1,Skv=9")
    assert parse_attention("mha:S=5,D=2,scale=1e-1") == Attention(
        heads=1, sq=5, skv=5, d=2, dv=2, scale=0.1
    )
    assert parse_attention("mqa:B=2,H=12,S=8,D=2").kv_heads == 2


@pytest.mark.parametrize(
    ("spec", "says"),
    [
        ("mha", "must be minilm, KIND:KEY=VALUE"),
        ("rnn:S=5,D=2", "kind must be one of mha, gqa, mqa, mla, gemm, not 'rnn'"),
        ("mha:S=5,D=2,Z=1", "unknown key 'Z'; keys are B, H, Hkv"),
        ("mha:S=5,D=2,S=6", "S is given twice"),
        ("mha:S=5,D=two", "'D=two' must be KEY=WHOLE NUMBER"),
        ("mha:S=5,,D=2", "'' must be KEY=WHOLE NUMBER"),
        ("mha:S=-5,D=2", "'S=-5' must be KEY=WHOLE NUMBER"),
        ("mha:S=0,D=2", "S must be from 1 to"),
        ("mha:S=5", "needs D"),
        ("mha:Sq=5,D=2", "needs S, or Sq and Skv"),
        ("mha:", "needs S, or Sq and Skv"),
        ("mha:S=5,Skv=5,D=2", "not S and Skv"),
        ("mha:S=5,D=2,H=4,Hkv=2", "Hkv must be H=4 in mha, not 2"),
        ("mqa:S=5,D=2,H=4,Hkv=2", "Hkv must be 1 in mqa, not 2"),
        ("mla:S=5,D=8,Dv=9", "V is the first columns of K in mla: Dv must be at most D=8, not 9"),
        ("mla:S=5,H=4,Hkv=4", "Hkv must be 1 in mla, not 4"),
        ("gqa:S=5,D=2,H=4", "gqa needs Hkv"),
        ("gqa:S=5,D=2,H=4,Hkv=3", "Hkv must divide H=4, not be 3"),
        ("gqa:S=5,D=2,H=4,Hkv=8", "Hkv must divide H=4, not be 8"),
        ("mha:S=5,D=2,sp=2", "give Skv with it, and neither S nor Sq"),
        ("mha:B=2,Sq=1,Skv=9,D=2,len=3", "len must be 2 lengths, one for each sequence (B), not 1"),
        (
            "mha:B=2,Sq=1,Skv=9,D=2,len=3/10",
            "each of len must be from 1 to 9, the keys of the cache (Skv), not 10",
        ),
        (
            "mha:B=2,Sq=1,Skv=9,D=2,len=0/9",
            "each of len must be from 1 to 9, the keys of the cache (Skv), not 0",
        ),
        ("mha:B=2,Sq=1,Skv=9,D=2,len=3/", "'len=3/' must be KEY=WHOLE NUMBER"),
        ("mha:Sq=1,Skv=9,D=2,len=3,len=3", "len is given twice"),
        ("mha:Sq=2,Skv=9,D=2,sp=2", "give Skv with it, and neither S nor Sq"),
        ("mha:Skv=9,D=2,sp=0", "sp must be from 1 to"),
        ("mha:S=5,D=2,causal=2", "causal must be 0 or 1, not 2"),
        ("mha:S=5,D=2,scale=-1", "scale must be a number above 0, not '-1'"),
        ("mha:S=5,D=2,scale=nan", "scale must be a number above 0, not 'nan'"),
        ("mha:S=5,D=2,scale=1,scale=1", "scale is given twice"),
    ],
)
def test_bad_spec(spec, says):
    with pytest.raises(UserError, match=f"^WORKLOAD '{spec}': ") as error:
        parse_workload(spec)
    assert says in str(error.value) and "\n" not in str(error.value)


def test_random_tensors_are_seeded_and_representable():
    workload = parse_attention("mha:Sq=30,Skv=40,D=16,Dv=24,H=2", Format.E4M3)
    tensors = random_tensors(workload, 1)
    assert [t.shape for t in tensors] == [(2, 30, 16), (2, 40, 16), (2, 40, 24)]
    for tensor, same, other in zip(
        tensors, random_tensors(workload, 1), random_tensors(workload, 2), strict=True
    ):
        assert np.array_equal(tensor, same) and not np.array_equal(tensor, other)
        assert np.array_equal(decode(encode(tensor, Format.E4M3), Format.E4M3), tensor)
        assert 0.8 < tensor.std() < 1.2
