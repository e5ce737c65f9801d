"""HBM channel bench: requests of random shape, answers checked word by word, with random
back-pressure.
"""

import json
import os
import random
from pathlib import Path

import cocotb
from cocotb.triggers import RisingEdge

from hw.layouts import data_flit, read_descriptor, request_flit
from isa.machine import MACHINES
from isa.packets import FlitKind
from tb.units.bench import start

TILE = MACHINES["mesh4"].tile
WORDS = 4096


def word(address: int) -> int:
    """Initial content of a memory word."""
    return (address + 1) * 0x9E3779B97F4A7C15F39CC0605CEDC835 & (1 << 128) - 1


async def start_with(dut, latency: int, rate: int) -> None:
    """Reset with the given latency (cycles) and bandwidth (bytes a cycle)."""
    dut.latency.value, dut.bytes_per_cycle.value, dut.count.value = latency, rate, 1
    await start(dut, dut.request__valid, dut.data__ready, dut.dump)


async def send(dut, flits: list[dict]) -> None:
    """Offer request flits one after the other."""
    for fields in flits:
        dut.request__payload.value = request_flit(TILE).const(fields).as_value().value
        dut.request__valid.value = 1
        await RisingEdge(dut.clk)
        while not dut.request__ready.value:
            await RisingEdge(dut.clk)
    dut.request__valid.value = 0


async def receive(dut, count: int, rng: random.Random, stall: float) -> list[tuple[int, object]]:
    """Take `count` flits; each with the cycle of its arrival."""
    seen: list[tuple[int, object]] = []
    cycle = 0
    while len(seen) < count:
        dut.data__ready.value = rng.random() >= stall
        await RisingEdge(dut.clk)
        cycle += 1
        assert cycle < 100_000, f"only {len(seen)} of {count} flits came"
        if dut.data__valid.value and dut.data__ready.value:
            seen.append((cycle, data_flit(TILE).from_bits(int(dut.data__payload.value))))
    dut.data__ready.value = 0
    return seen


def read(address: int, rows: int, words: int, pitch: int, **fields) -> dict:
    """Fields of a read request."""
    shape = {"rows": rows, "words": words, "pitch": pitch, "local": 64, "local_pitch": words + 3}
    return {
        "addr": address,
        "bump": 1,
        **fields,
        "data": read_descriptor(TILE).const(shape).as_value().value,
    }


@cocotb.test(timeout_time=1, timeout_unit="ms")
async def latency_and_bandwidth(dut):
    """A burst starts `latency` cycles after the request and comes at the set bandwidth."""
    for latency, rate in [(50, 16), (50, 8), (7, 3), (200, 5)]:
        await start_with(dut, latency, rate)
        collector = cocotb.start_soon(receive(dut, 60, random.Random(1), 0.0))
        await send(dut, [read(0, 1, 60, 0)])
        flits = await collector
        first, last = flits[0][0], flits[-1][0]
        assert abs(first - 1 - max(latency, 5)) <= 2, f"latency {first - 1}, not {latency}"
        assert abs((last - first) - 59 * 16 / rate) <= 16 / rate + 1, (
            f"{last - first} cycles for 59 words at {rate} B"
        )
        while not dut.idle.value:
            await RisingEdge(dut.clk)


@cocotb.test(timeout_time=4, timeout_unit="ms")
async def random_requests(dut):
    """Every word of every read, in order, and writes acknowledged and read back."""
    rng = random.Random(cocotb.RANDOM_SEED)
    await start_with(dut, 20, 16)
    memory = [word(address) for address in range(WORDS)]
    for _ in range(12):
        flits, expected, acks = [], [], []
        for tag in range(rng.randrange(1, 6)):
            rows, words, pitch = rng.randrange(1, 6), rng.randrange(1, 9), rng.randrange(0, 20)
            base = rng.randrange(0, 1000)
            flits.append(read(base, rows, words, pitch, tag=tag, sem=tag, x0=1, y0=2, x1=3, y1=4))
            for row in range(rows):
                for column in range(words):
                    last = row == rows - 1 and column == words - 1
                    expected.append(
                        (
                            tag,
                            64 + row * (words + 3) + column,
                            memory[base + row * pitch + column],
                            int(last),
                        )
                    )
        for tag in range(rng.randrange(0, 20)):
            address, value = rng.randrange(2000, WORDS), rng.getrandbits(128)
            memory[address] = value
            flits.insert(
                rng.randrange(len(flits) + 1),
                {"write": 1, "addr": address, "data": value, "bump": 1, "tag": 100 + tag},
            )
            acks.append(100 + tag)
        # Writes of the same word must keep their order for the model to hold.
        memory = [word(address) for address in range(2000)] + memory[2000:]
        ordered = {}
        for flit in flits:
            if flit.get("write"):
                ordered[flit["addr"]] = flit["data"]
        for address, value in ordered.items():
            memory[address] = value
        collector = cocotb.start_soon(
            receive(dut, len(expected) + len(acks), rng, rng.choice([0.0, 0.5, 0.9]))
        )
        await send(dut, flits)
        seen = [flit for _, flit in await collector]
        data = [(f.tag, f.addr, f.data, f.bump) for f in seen if f.kind == FlitKind.WRITE]
        signals = [f.tag for f in seen if f.kind == FlitKind.SIGNAL]
        assert data == expected, f"seed {cocotb.RANDOM_SEED}"
        assert sorted(signals) == sorted(acks)
        # What was written can be read.
        collector = cocotb.start_soon(receive(dut, len(ordered), rng, 0.3))
        await send(dut, [read(address, 1, 1, 0) for address in ordered])
        assert [flit.data for _, flit in await collector] == [
            memory[address] for address in ordered
        ]
    assert not dut.error.value


@cocotb.test(timeout_time=1, timeout_unit="ms")
async def beyond_capacity(dut):
    """An access beyond the capacity raises the sticky error."""
    await start_with(dut, 1, 16)
    await send(dut, [{"write": 1, "addr": WORDS, "data": 1}])
    for _ in range(10):
        await RisingEdge(dut.clk)
    assert dut.error.value
    Path(os.environ["FLATMESH_SEEN"]).write_text(json.dumps({"error": int(dut.error.value)}))
