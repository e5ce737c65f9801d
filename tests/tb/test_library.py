"""What a native model may know of the inside of the simulator's class, and that it does without."""

import pytest

from hw.control.sequencer import Sequencer
from isa.instructions import Queue
from isa.machine import MACHINES
from tb.hardware import native_files, tile_library
from tb.library import inside_of

PORTS = "VL_IN8(&clk,0,0);\nVL_IN8(&clk_data,0,0);\n"
CLOCKS = "CData/*0:0*/ __Vtrigprevexpr___TOP__{}__0;\n"
COUNTER = "IData/*31:0*/ tile__DOT__core__DOT__cycles_wait__1;\n"
MEMORY = "VlUnpacked<VlWide<4>/*127:0*/, 1024> tile__DOT__words;\n"
FEW = "VlUnpacked<VlWide<4>/*127:0*/, 6> tile__DOT__items;\n"


def inside(*parts: str) -> str:
    return inside_of(PORTS, "".join(parts), "Vtile")


def test_all_that_is_there_is_named():
    found = inside(CLOCKS.format("clk"), CLOCKS.format("clk_data"), COUNTER, MEMORY, FEW)
    assert found.splitlines() == [
        '#include "Vtile___024root.h"',
        "#define FLATMESH_ONE_EVAL",
        "#define FLATMESH_COUNTERS(X) X(tile__DOT__core__DOT__cycles_wait__1)",
        "#define FLATMESH_MEMORIES(X) X(tile__DOT__words)",
    ]


@pytest.mark.parametrize("missing", [COUNTER, MEMORY, CLOCKS.format("clk_data")])
def test_what_is_not_there_is_done_without(missing):
    parts = [CLOCKS.format("clk"), CLOCKS.format("clk_data"), COUNTER, MEMORY]
    parts.remove(missing)
    found = inside(*parts)
    assert ("ONE_EVAL" in found) == ("clk_data" not in missing)
    assert ("COUNTERS" in found) == ("MEMORIES" in found) == ("clk_data" in missing)


def test_the_counters_of_all_queues_are_found():
    """By this Verilator: a counter that is not named would keep its tile awake."""
    found = tile_library(native_files(MACHINES["tiny"])["tile.v"]).inside
    for name in Sequencer(machine=MACHINES["tiny"], queue=Queue.LOAD).signature.members:
        if name.startswith("cycles_"):
            assert found.count(f"DOT__{name}") == 4
    assert "FLATMESH_ONE_EVAL" in found and "words" in found.split("FLATMESH_MEMORIES")[1]
