"""Nothing is lost, doubled or reordered, at any depth; one item a cycle; and the buffer is as deep
as it says.
"""

import pytest
from amaranth.lib import data

from hw.network.fifo import Fifo
from tests.hw.network.streams import Streams
from tests.hw.simulation import Simulation

SHAPE = data.StructLayout({"value": 16})


def bench(depth, **options):
    dut = Fifo(shape=SHAPE, depth=depth)
    return Streams(Simulation(dut), [dut.i], [dut.o], **options)


@pytest.mark.parametrize("depth", [2, 3, 4, 6])
@pytest.mark.parametrize("stall, gap", [(0.0, 0.0), (0.5, 0.5), (0.9, 0.0), (0.0, 0.9)])
def test_items_come_out_once_and_in_order(depth, stall, gap):
    items = [{"value": 7 * i} for i in range(60)]
    streams = bench(depth, stall=stall, gap=gap).run([items], 2000, until=len(items))
    assert streams.items(0, SHAPE) == items


@pytest.mark.parametrize("depth", [2, 3, 4])
def test_one_item_a_cycle_and_one_cycle_of_latency(depth):
    streams = bench(depth).run([[{"value": i} for i in range(20)]], 21)
    assert streams.entered == [list(range(20))]
    assert [cycle for cycle, _ in streams.left[0]] == list(range(1, 21))


@pytest.mark.parametrize("depth", [2, 3, 6])
def test_holds_as_many_as_it_is_deep(depth):
    streams = bench(depth, stall=1.0).run([[{"value": i} for i in range(10)]], 20)
    assert streams.entered == [list(range(depth))]


@pytest.mark.parametrize("depth", [1, 0, -1, "2", 2.0])
def test_refuses_a_bad_depth(depth):
    with pytest.raises(TypeError, match=r"^Depth of a FIFO must be an integer of at least 2, not "):
        Fifo(shape=1, depth=depth)
