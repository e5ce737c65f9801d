"""Laws of moves, channels and hops, against the units; those of the engines are next to theirs
(tests/hw/test_vector.py, test_matrix.py), those of sums in tests/hw/network.
"""

import random

import pytest
from amaranth import Module

from hw.control.load import LoadEngine
from hw.control.out import OutEngine
from hw.layouts import data_flit, read_descriptor, request_flit
from hw.memory import channel
from hw.network.router import Router
from isa.instructions import Opcode
from isa.machine import MACHINES
from isa.packets import Port
from isa.timing import HOP, MOVE_START, flits_of, move_cycles, move_lines, read_cycles
from tb.units.out import command
from tests.hw.network.streams import Streams
from tests.hw.simulation import Simulation
from tests.hw.test_out import Bench

MACHINE = MACHINES["mesh4"]
TILE = MACHINE.tile


def test_a_load_is_one_request_every_other_cycle():
    dut = LoadEngine(tile=TILE)
    bench = Streams(Simulation(dut), [dut.command], [dut.request]).run(
        [[{"rows": 3, "words": 7}] * 3], 10
    )
    every = move_cycles(Opcode.LOAD, 3, 7)
    assert bench.entered == [[0, every, 2 * every]]
    assert len(bench.left[0]) == 3 * flits_of(Opcode.LOAD, 3, 7)
    assert move_lines(TILE, Opcode.LOAD, 3, 7) == 0


@pytest.mark.parametrize("rows, words", [(1, 1), (1, 16), (16, 1), (5, 3), (4, 9)])
@pytest.mark.parametrize("opcode", [Opcode.STORE, Opcode.PUT, Opcode.REDUCE])
def test_moves_out_of_l1(opcode, rows, words):
    bench = Bench(TILE, 1).run([command(opcode, random.Random(1), rows=rows, words=words)] * 2)
    first, second = bench.taken_at
    assert second - first == move_cycles(opcode, rows, words)
    assert bench.flit_at[0] - first == MOVE_START == OutEngine.LATENCY
    assert len(bench.flits) == 2 * flits_of(opcode, rows, words)
    assert bench.lines == 2 * move_lines(TILE, opcode, rows, words)


@pytest.mark.parametrize(
    "latency, rate, words", [(1, 16, 9), (8, 16, 2), (30, 16, 1), (30, 16, 12), (40, 5, 9)]
)
def test_a_read_of_hbm(latency, rate, words, monkeypatch):
    """The memory array has nothing to say about cycles."""
    monkeypatch.setattr(channel, "Instance", lambda *_: Module())
    hbm = MACHINE.hbm.model_copy(update={"latency": latency, "bytes_per_cycle": rate})
    dut = channel.HbmChannel(machine=MACHINE, index=0)
    setup = [(dut.latency, latency), (dut.bytes_per_cycle, rate)]
    bench = Streams(Simulation(dut), [dut.request], [dut.data], setup=setup)
    shape = read_descriptor(TILE).const({"rows": 1, "words": words})
    request = request_flit(TILE).const({"data": shape.as_value().value})
    bench.run([[request]], 200)
    assert bench.left[0][-1][0] - bench.entered[0][0] == read_cycles(TILE, hbm, words)
    assert len(bench.left[0]) == flits_of(Opcode.STORE, 1, words)


@pytest.mark.parametrize("multicast", [True, False], ids=["data", "request"])
def test_a_hop(multicast):
    layout = data_flit(TILE) if multicast else request_flit(TILE)
    dut = Router(machine=MACHINE, payload=layout, multicast=multicast)
    bench = Streams(Simulation(dut), list(dut.i), list(dut.o), setup=[(dut.x, 0), (dut.y, 0)])
    flit = {"x0": 1, "x1": 1} if multicast else {"x": 1}
    bench.run([[flit] if port == Port.LOCAL else [] for port in Port], 5)
    ((cycle, _),) = bench.left[Port.EAST]
    assert cycle - bench.entered[Port.LOCAL][0] == HOP
