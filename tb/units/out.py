"""Out engine bench: random commands, every flit of three networks checked, with an L1 and networks
that stall.
"""

import random
from collections.abc import Callable

import cocotb
from cocotb.triggers import FallingEdge, RisingEdge

from hw.layouts import L1Request, command_layout, data_flit, reduce_flit, request_flit
from isa.geometry import TileXY
from isa.instructions import LAYOUTS, Kind, Opcode
from isa.machine import MACHINES, Tile
from isa.packets import FlitKind
from tb.units.bench import start

__all__ = ["PORTS", "POSITION", "TILE", "command", "fields_of", "flits_of", "line_at", "word_at"]

TILE = MACHINES["mesh4"].tile
POSITION = (3, 2)
PORTS = {Opcode.STORE: "request", Opcode.PUT: "data", Opcode.REDUCE: "reduce"}
"""Network on which each opcode's flits leave."""


def word_at(tile: Tile, address: int) -> int:
    """Contents of an L1 word: something that depends on every bit of its address."""
    return (address + 1) * 0x9E3779B97F4A7C15F39CC0605CEDC835 & (1 << tile.link_bits) - 1


def line_at(tile: Tile, address: int, mask: int) -> int:
    """Answer of the L1 to a read; words outside the mask are the complement of what they
    would be.
    """
    line, flip = 0, (1 << tile.link_bits) - 1
    for i in range(tile.l1_banks):
        line |= (
            word_at(tile, address + i & 0xFFFF) ^ (0 if mask >> i & 1 else flip)
        ) << i * tile.link_bits
    return line


def command(opcode: Opcode, rng: random.Random, **fields: int) -> dict[str, int]:
    """Draw the fields of a command; one row of one word if not told otherwise."""
    drawn = {field.name: rng.getrandbits(field.width) for field in LAYOUTS[Kind.MOVE]}
    drawn |= {
        "remote": rng.getrandbits(28 if opcode == Opcode.STORE else 16),
        "rows": 1,
        "words": 1,
    }
    return {**drawn, **fields, "opcode": int(opcode)}


def flits_of(
    tile: Tile,
    c: dict[str, int],
    *,
    position: TileXY = POSITION,
    word: Callable[[Tile, int], int] = word_at,
) -> list[tuple[str, dict[str, int]]]:
    """(network, fields) of each flit of a command of the tile at a position, whose L1 holds these
    words; in order.
    """
    opcode = Opcode(c["opcode"])
    flits: list[tuple[str, dict[str, int]]] = []
    for row in range(c["rows"]):
        for index in range(c["words"]):
            address = c["remote"] + row * c["remote_pitch"] + index & 0xFFFFFFF
            flit = {
                # Beyond what a flit to an L1 can say, the largest, which is beyond the L1, too.
                "addr": address if opcode == Opcode.STORE else min(address, 0xFFFF),
                "bump": int(c["bump"] and row == c["rows"] - 1 and index == c["words"] - 1),
                "data": word(tile, c["local"] + row * c["local_pitch"] + index & 0xFFFF),
                **{name: c[name] for name in ("sem", "tag", "x0", "y0", "x1", "y1")},
            }
            if opcode == Opcode.STORE:
                (x, y), target = (
                    position,
                    {"x": c["target_x"], "y": c["target_y"], "edge": c["edge"]},
                )
                flit |= {"x0": x, "x1": x, "y0": y, "y1": y, "write": 1, "program": 0, **target}
            elif opcode == Opcode.PUT:
                flit |= {"kind": FlitKind.WRITE.value}
            else:
                flit |= {
                    "root_x": c["target_x"],
                    "root_y": c["target_y"],
                    "seq": len(flits) & 0xFFFF,
                }
                flit |= {name: c[name] for name in ("turn", "op", "fmt")}
            flits.append((PORTS[opcode], flit))
    return flits


def fields_of(payload) -> dict[str, int]:
    """Fields of a flit as plain integers."""
    fields = {name: getattr(payload, name) for name, _ in payload.shape()}
    return {name: getattr(value, "value", value) for name, value in fields.items()}


@cocotb.test(timeout_time=1, timeout_unit="ms")
async def random_commands(dut):
    """Flits leave once each, in order and unchanged while they wait, whatever stalls."""
    rng = random.Random(cocotb.RANDOM_SEED)
    layouts = {"request": request_flit(TILE), "data": data_flit(TILE), "reduce": reduce_flit(TILE)}
    networks = [
        (
            name,
            getattr(dut, f"{name}__valid"),
            getattr(dut, f"{name}__ready"),
            getattr(dut, f"{name}__payload"),
        )
        for name in layouts
    ]
    dut.x.value, dut.y.value = POSITION
    await start(dut, dut.command__valid, dut.l1__rsp_valid)
    for l1_stall, stall in ((0.0, 0.0), (0.7, 0.0), (0.0, 0.7), (0.5, 0.5), (0.95, 0.2)):
        where = f"stalls {l1_stall} {stall}, seed {cocotb.RANDOM_SEED}"
        commands = [
            command(
                rng.choice(list(PORTS)),
                rng,
                rows=rng.choice([1, 2, 7]),
                words=rng.choice([1, 2, 4, 5, 19]),
            )
            for _ in range(12)
        ]
        expected = [flit for c in commands for flit in flits_of(TILE, c)]
        pending, seen, held, read, done = list(commands), 0, {}, None, 0
        for _ in range(20000):
            await RisingEdge(dut.clk)
            dut.command__valid.value = bool(pending)
            if pending:
                dut.command__payload.value = (
                    command_layout(Kind.MOVE).const(pending[0]).as_value().value
                )
            dut.l1__rsp_valid.value = read is not None
            if read is not None:
                dut.l1__rsp_data.value = line_at(TILE, read.addr, read.mask)
            dut.l1__req__ready.value = l1_ready = rng.random() >= l1_stall
            readies = [rng.random() >= stall for _ in networks]
            for (_, _, ready, _), value in zip(networks, readies, strict=True):
                ready.value = value
            await FallingEdge(dut.clk)
            read = None
            if l1_ready and dut.l1__req__valid.value:
                read = L1Request(TILE).from_bits(int(dut.l1__req__payload.value))
            for (name, valid, _, payload), ready in zip(networks, readies, strict=True):
                if not valid.value:
                    assert name not in held, f"{where}: {name} withdrew its flit"
                    continue
                bits = int(payload.value)
                assert held.pop(name, bits) == bits, f"{where}: {name} changed its flit"
                if not ready:
                    held[name] = bits
                    continue
                actual = (name, fields_of(layouts[name].from_bits(bits)))
                assert actual == expected[seen], (
                    f"{where}, flit {seen}: expected {expected[seen]}, got {actual}"
                )
                seen += 1
            done += int(dut.done.value)
            if pending and dut.command__ready.value:
                pending.pop(0)
            if done == len(commands):
                break
        assert seen == len(expected) and done == len(commands), (
            f"{where}: {seen} of {len(expected)} flits"
        )
