"""What the emitter must refuse."""

import pytest

from hw import emit as module
from hw.control.load import LoadEngine
from isa.machine import MACHINES


def test_constant_bits_that_no_simulator_would_set(monkeypatch):
    """Amaranth writes a block without inputs for them, which never runs; a simulator would leave
    them 0.
    """
    part = LoadEngine(tile=MACHINES["tiny"].tile)
    text = module.emit(part, "load")
    for constant, wrong in (("1'h1", True), ("8'h0a", True), ("1'h0", False), ("16'h0000", False)):
        block = f"{text}\n  always @*\n    payload[512] = {constant} ;\n"
        monkeypatch.setattr(module.verilog, "convert", lambda *_, block=block, **__: block)
        if wrong:
            with pytest.raises(
                ValueError,
                match=r"^load: part of a signal is constant, which simulators never assign: ",
            ):
                module.emit(part, "load")
        else:
            assert module.emit(part, "load") == block
