"""Runs compiled attention on the golden machine."""

import numpy as np

from golden.attention import Blocked, attention, online_attention
from golden.machine import GoldenMachine
from isa.formats import decode
from isa.instructions import Format
from programs.attention.compile import compile_attention
from programs.attention.workload import parse_attention, random_tensors


def run(machine, spec, dataflow, *, seed=None, fmt=Format.FP16, **fixed):
    """Output bits of a compiled workload, after checking its error and its HBM traffic."""
    workload = parse_attention(spec, fmt)
    compiled = compile_attention(machine, workload, dataflow, **fixed)
    q, k, v = random_tensors(workload, 7)
    golden = GoldenMachine(
        machine, compiled.programs, compiled.placement.scatter(q, k, v), seed=seed
    )
    statistics = golden.run()
    out = compiled.placement.gather(golden.hbm)
    exact = attention(q, k, v)
    reference = online_attention(q, k, v, Blocked(compiled.mapping.columns, fmt))
    error, floor = np.abs(decode(out, fmt) - exact).max(), np.abs(reference - exact).max()
    assert error <= 2 * floor + 1e-6, (
        f"error {error:.3g} against fp64, same-precision reference {floor:.3g}"
    )
    word_bytes = machine.tile.word_bytes
    assert sum(statistics.hbm_words_read) * word_bytes == compiled.hbm_ideal_read_bytes
    assert sum(statistics.hbm_words_written) * word_bytes == compiled.hbm_ideal_write_bytes
    assert statistics.macs == compiled.useful_macs
    return out
