"""Errors have the hardware's code, and name tile, queue and instruction."""

import re

import pytest

from golden.errors import GoldenError
from isa.status import ErrorCode
from tests.golden.mesh import run

ERRORS = {
    "loop of nothing": (ErrorCode.BAD_LOOP, "load", 3, "loop imm=0\nend\nhalt"),
    "loop of -1 + 1": (
        ErrorCode.BAD_LOOP,
        "load",
        4,
        "li rd=r1 imm=1\nloop imm=-1 rs=r1\nend\nhalt",
    ),
    "overflow": (
        ErrorCode.SEMAPHORE_OVERFLOW,
        None,
        None,
        "loop imm=256\nsync signal=3\nend\nhalt",
    ),
    "nowhere": (ErrorCode.RECTANGLE, "load", 3, "sync remote=1@2,0\nhalt"),
    "sig1_kind": (ErrorCode.ILLEGAL, "load", 3, "sync sig1_kind=3\nhalt"),
    "empty": (ErrorCode.ILLEGAL, "load", 3, "load rows=0 words=1 edge=west\nhalt"),
    "local": (ErrorCode.ADDRESS, "load", 3, "load local=0x1000 rows=1 words=1 edge=west\nhalt"),
    "remote": (
        ErrorCode.REMOTE_ADDRESS,
        "load",
        3,
        "load remote=0x80000 rows=1 words=1 edge=west\nhalt",
    ),
    "remote end": (
        ErrorCode.REMOTE_ADDRESS,
        "load",
        3,
        "load remote=0x7ffff rows=1 words=2 edge=west\nhalt",
    ),
    "arrival": (
        ErrorCode.REMOTE_ADDRESS,
        None,
        None,
        "load local=0xfff rows=1 words=2 edge=west\nhalt",
    ),
    "channel": (ErrorCode.RECTANGLE, "load", 3, "load rows=1 words=1 edge=east\nhalt"),
    "rectangle": (
        ErrorCode.RECTANGLE,
        "load",
        3,
        "load rows=1 words=1 edge=west rect=1,0:0,0\nhalt",
    ),
    "mesh": (ErrorCode.RECTANGLE, "load", 3, "load rows=1 words=1 edge=west rect=0,0:2,0\nhalt"),
    "matmul k": (ErrorCode.ILLEGAL, "matrix", 1, "matmul m=1 n=1 k=0 fmt_a=fp16 fmt_b=fp16\nhalt"),
    "matmul fmt_a": (
        ErrorCode.ILLEGAL,
        "matrix",
        1,
        "matmul m=1 n=1 k=1 fmt_a=fp32 fmt_b=fp16\nhalt",
    ),
    "matmul fmt_b": (
        ErrorCode.ILLEGAL,
        "matrix",
        1,
        "matmul m=1 n=1 k=1 fmt_a=fp16 fmt_b=fp32\nhalt",
    ),
    "matmul fmt_a 5": (
        ErrorCode.ILLEGAL,
        "matrix",
        1,
        "matmul m=1 n=1 k=1 fmt_a=5 fmt_b=e4m3\nhalt",
    ),
    "matmul fmt_b 5": (
        ErrorCode.ILLEGAL,
        "matrix",
        1,
        "matmul m=1 n=1 k=1 fmt_a=e4m3 fmt_b=5\nhalt",
    ),
    "matmul c": (
        ErrorCode.ADDRESS,
        "matrix",
        1,
        "matmul m=2 n=1 k=1 fmt_a=fp16 fmt_b=fp16 c=0xfff ldc=1\nhalt",
    ),
    "matmul a": (
        ErrorCode.ADDRESS,
        "matrix",
        1,
        "matmul m=1 n=1 k=9 fmt_a=fp16 fmt_b=e4m3 a=0xfff\nhalt",
    ),
    "matmul b": (
        ErrorCode.ADDRESS,
        "matrix",
        1,
        "matmul m=1 n=9 k=1 fmt_a=e4m3 fmt_b=fp16 b=0xfff\nhalt",
    ),
    "vector n": (ErrorCode.ILLEGAL, "vector", 2, "copy m=1 n=0\nhalt"),
    "vector fmt": (ErrorCode.ILLEGAL, "vector", 2, "fill m=1 n=1 fmt_a=6\nhalt"),
    "vector s": (ErrorCode.ADDRESS, "vector", 2, "rowmax m=5 n=1 s=0xfff\nhalt"),
    "unused s": (ErrorCode.ADDRESS, "vector", 2, "fill m=1 n=1 s=0x1000\nhalt"),
    "store": (
        ErrorCode.ADDRESS,
        "out",
        4,
        "store rows=2 words=1 local=0xfff local_pitch=1 edge=west\nhalt",
    ),
    "put": (ErrorCode.REMOTE_ADDRESS, "out", 4, "put rows=1 words=1 remote=0x1000\nhalt"),
    "put arrival": (
        ErrorCode.REMOTE_ADDRESS,
        None,
        None,
        "put rows=2 words=1 remote=0xfff remote_pitch=1\nhalt",
    ),
    "member": (
        ErrorCode.RECTANGLE,
        "out",
        4,
        "reduce rows=1 words=1 rect=1,0:1,0 target=1,0\nhalt",
    ),
    "root": (ErrorCode.RECTANGLE, "out", 4, "reduce rows=1 words=1 target=2,0\nhalt"),
    "reduce fmt": (ErrorCode.ILLEGAL, "out", 4, "reduce rows=1 words=1 fmt=e4m3\nhalt"),
}


@pytest.mark.parametrize("name", ERRORS)
def test_errors_have_the_hardwares_code_and_name_the_instruction(name):
    code, queue, pc, text = ERRORS[name]
    home = queue or ("out" if text.startswith("put") else "load")
    with pytest.raises(GoldenError) as caught:
        run("2x1", {(0, 0): f".queue {home}\n{text}"})
    error = caught.value
    named = None if error.queue is None else error.queue.name.lower()
    assert (error.code, error.tile, named, error.pc) == (code, (0, 0), queue, pc)
    assert re.match(rf"tile \(0,0\)( queue {queue} pc {pc})?: {code.name}: [^\n]+$", str(error))
