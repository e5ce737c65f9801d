"""The compiler's choices and programs are what they were: kept beside this file, so that a change
of speed is no change of anything else.

``python -m tests.programs.test_choices`` writes them anew, after a change that is meant.
"""

import json
from pathlib import Path

import pytest

from tests.programs.choices import Case, record

KEPT = Path(__file__).with_name("choices.json")
CASES = [
    *(Case("mesh4", "5x3", "mha:S=100,D=24,H=3", flow) for flow in ("flat-async", "flash3", "")),
    Case("mesh4", "3x2", "mqa:S=48,D=32,H=4,causal=1", "flat-async"),
    Case("mesh4", "1x4", "mha:S=77,D=40,Dv=24,H=2,causal=1", "flat"),
    Case("tiny", "", "gqa:B=3,Sq=1,Skv=200,D=32,H=4,Hkv=2,len=200/17/96"),
    Case("mesh4", "4x1", "mla:Sq=1,Skv=130,H=4,D=48,Dv=32"),
    Case("mesh4", "3x2", "mha:S=100,D=24,H=3", "flat-tree"),
    Case("mesh4", "", "gqa:S=65,D=24,H=4,Hkv=2", "flat-seq"),
    Case("mesh4", "", "mha:S=200,D=32,H=3", "flat-async", "reads=forward all_reduce=memory"),
    Case("mesh4", "", "mla:Sq=1,Skv=300,H=8,D=48,Dv=32", "flat", "group=8x1"),
    Case("mesh4", "", "mha:S=200,D=32,H=3", "flat", "rows=2000 columns=2000"),
    Case("mesh4", "", "mha:S=64,D=4000,H=1", "flat"),
    Case("mesh4", "3x2", "mha:S=128,D=32,H=2", "flat", "", "e4m3"),
    Case("mesh4", "6x5", "gemm:M=100,N=77,K=130"),
    Case("mesh4", "", "gemm:M=16,N=300,K=50,B=3", "summa", "", "e4m3"),
    Case("mesh4", "", "gemm:M=300,N=512,K=300", "summa", "group=2x2 columns=40"),
    Case("mesh4", "", "gemm:M=30000,N=512,K=300", "summa", "rows=20000"),
]


@pytest.mark.parametrize("case", CASES, ids=str)
def test_choices_and_programs_are_as_they_were(case):
    assert record(case) == json.loads(KEPT.read_text())["|".join(case)]


if __name__ == "__main__":
    KEPT.write_text(json.dumps({"|".join(case): record(case) for case in CASES}, indent=1) + "\n")
