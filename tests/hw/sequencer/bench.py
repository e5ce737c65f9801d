"""A sequencer in surroundings with random delays, and instructions that it accepts."""

import random

from hw.control.sequencer import Sequencer
from isa.image import Program
from isa.instructions import (
    OPCODES_OF,
    Format,
    Instruction,
    Opcode,
    Queue,
)
from isa.machine import MACHINES
from isa.status import QueueState
from tests.hw.simulation import simulation

MESH4 = MACHINES["mesh4"]
X, Y = 1, 2
LEGAL = {
    Opcode.MATMUL: {"m": 8, "n": 5, "k": 1, "fmt_a": Format.E5M2, "fmt_b": Format.FP16},
    **{opcode: {"m": 1, "n": 1} for opcode in OPCODES_OF[Queue.VECTOR]},
    Opcode.LOAD: {"rows": 1, "words": 1, "x1": 3, "y1": 3, "target_y": 2},
    Opcode.STORE: {"rows": 1, "words": 1, "target_x": 2, "edge": 2},
    Opcode.PUT: {"rows": 1, "words": 1, "x1": 3, "y0": 1, "y1": 3},
    Opcode.REDUCE: {"rows": 1, "words": 1, "x0": 1, "x1": 1, "y1": 3, "target_x": 3},
}
"""Operands that tile (1, 2) of mesh4 accepts."""


def legal(opcode, **fields):
    return Instruction.of(opcode, **{**LEGAL[opcode], **fields})


class Bench:
    """A sequencer between a program memory, a semaphore unit and an engine, each with random
    delays.
    """

    def __init__(
        self,
        queue,
        words,
        *,
        stall=0.0,
        seed=1,
        machine=MESH4,
        entry=1,
        engine_time=20,
        stop_at=None,
    ):
        self.rng = random.Random(f"{queue} {stall} {seed}")
        self.words, self.stall, self.entry, self.engine_time, self.stop_at = (
            words,
            stall,
            entry,
            engine_time,
            stop_at,
        )
        self.simulation = simulation(Sequencer, machine=machine, queue=queue)
        self.dut = self.simulation.dut
        self.events = []  # (cycle, kind, value)
        self.states = {state: 0 for state in QueueState}

    def of(self, kind):
        return [value for _, what, value in self.events if what == kind]

    def at(self, kind):
        return [cycle for cycle, what, _ in self.events if what == kind]

    def run(self, limit=30000):
        self.limit = limit
        self.simulation.run(self._cycles)
        return self

    def _busy(self):
        return self.rng.random() < self.stall

    async def _cycles(self, ctx):
        dut = self.dut
        ctx.set(dut.x, X)
        ctx.set(dut.y, Y)
        ctx.set(dut.entry, self.entry)
        await ctx.tick().repeat(3)
        assert ctx.get(dut.state) == QueueState.BOOT and not ctx.get(dut.fetch.valid)
        ctx.set(dut.run, 1)
        await ctx.tick()
        answer, engine, held = None, [], {}
        streams = {
            "fetch": dut.fetch,
            "wait": dut.wait,
            "command": dut.command,
            "signal": dut.signal,
        }
        for cycle in range(self.limit):
            if cycle == self.stop_at:
                ctx.set(dut.stop, 1)
                held = {}
            due = answer is not None and answer[0] <= cycle
            ctx.set(dut.fetch_valid, due)
            ctx.set(dut.fetch_data, self.words[answer[1]] if due else self.rng.getrandbits(256))
            answer = None if due else answer
            for port in streams.values():
                ctx.set(port.ready, not self._busy())
            ctx.set(dut.command.ready, not self._busy() and len(engine) < 4)
            done = bool(engine) and engine[0] <= cycle
            ctx.set(dut.done, done)
            if done:
                engine.pop(0)
                self.events.append((cycle, "done", None))

            for name, port in streams.items():
                if not ctx.get(port.valid):
                    assert name not in held, f"cycle {cycle}: {name} was withdrawn"
                    continue
                bits = ctx.get(port.payload.as_value() if name != "fetch" else port.payload)
                assert held.pop(name, bits) == bits, f"cycle {cycle}: {name} changed"
                if not ctx.get(port.ready):
                    held[name] = bits
                    continue
                payload = ctx.get(port.payload)
                if name == "fetch":
                    answer = (cycle + 1 + (self.rng.randrange(4) if self.stall else 0), payload)
                    value = payload
                elif name == "wait":
                    assert (ctx.get(dut.wait_sem), ctx.get(dut.wait_count)) == (
                        payload.sem,
                        payload.count,
                    )
                    value = (payload.sem, payload.count)
                elif name == "signal":
                    value = (
                        payload.remote,
                        payload.sem,
                        *((payload.x, payload.y) if payload.remote else ()),
                    )
                else:
                    value = {
                        field: int(getattr(payload, field)) for field, _ in port.payload.shape()
                    }
                    engine.append(max([cycle + 1, *engine]) + self.rng.randrange(self.engine_time))
                self.events.append((cycle, name, value))
            self.states[ctx.get(dut.state)] += 1
            if ctx.get(dut.halted) or ctx.get(dut.error):
                break
            await ctx.tick()
        self.cycles = cycle
        for name in ("halted", "error", "error_code", "error_pc", "pc", "state", "instructions"):
            setattr(self, name, ctx.get(getattr(dut, name)))
        self.counters = [
            ctx.get(getattr(dut, f"cycles_{name}")) for name in ("fetch", "wait", "engine")
        ]


def image(queue, code):
    """Image with `code` in one queue, and its entry point."""
    halt = [Instruction.of(Opcode.HALT)]
    program = Program({q: code if q == queue else halt for q in Queue})
    program.check()
    return program.words(), 1 + queue


def queue_of(opcode):
    return next((queue for queue in Queue if opcode in OPCODES_OF[queue]), Queue.VECTOR)
