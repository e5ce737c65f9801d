"""The published figure of the exponential."""

import pytest

from golden.accuracy import exp_error
from isa.instructions import Format

# Worst error in ulp, to be quoted; the next digit up.
WORST = {Format.FP16: 0.502, Format.BF16: 0.501, Format.E4M3: 0.5, Format.E5M2: 0.5}


@pytest.mark.parametrize("fmt", list(WORST))
def test_exp_is_within_one_ulp_over_all_inputs(fmt):
    error = exp_error(fmt)
    assert error.floor <= 0.5
    assert error.floor <= error.worst < WORST[fmt]
    assert error.misrounded < error.inputs / 1000
    assert error.flushed == (11 if fmt == Format.BF16 else 0)
    assert f"exp in {fmt.name.lower()}: {error.worst:.4f} ulp" in str(error)


def test_every_fp16_input_is_tried():
    assert exp_error(Format.FP16).inputs == 31 * 1024 + 2
