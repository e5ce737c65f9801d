"""A queue issues its program's commands in order, waits before them and signals after them, or
stops with an error.
"""

import random

import pytest
from amaranth import ResetInserter, Signal
from amaranth.sim import Simulator

from hw.control.legality import kind_of_queue
from hw.control.sequencer import Sequencer
from isa.image import Program
from isa.instructions import (
    LAYOUTS,
    OPCODES_OF,
    Format,
    Instruction,
    Kind,
    Opcode,
    Queue,
    ReduceOp,
    kind_of,
)
from isa.machine import MACHINES
from isa.status import ErrorCode, QueueState

MESH4 = MACHINES["mesh4"]
X, Y = 1, 2
ROOMY = MESH4.model_copy(
    update={
        "tile": MESH4.tile.model_copy(update={"l1_bytes": 1 << 20}),
        "hbm": MESH4.hbm.model_copy(update={"channel_bytes": 1 << 32}),
    }
)
"""Every address is legal, so that address arithmetic may wrap."""

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


def random_engine(rng, queue):
    """An engine instruction with random addresses, registers, waits and signals."""
    opcode = rng.choice(OPCODES_OF[queue])
    fields = {}
    for field in LAYOUTS[kind_of(opcode)]:
        if f"{field.name}_reg" in {f.name for f in LAYOUTS[kind_of(opcode)]}:
            fields[field.name] = rng.randrange(1 << field.width - field.signed) - (
                field.signed and 1 << field.width - 2
            )
            fields[f"{field.name}_reg"] = rng.choice([0, 1, 2, 15])
        elif field.name not in LEGAL[opcode] and field.name in (
            "imm",
            "lda",
            "ldb",
            "ldd",
            "tag",
            "remote_pitch",
            "turn",
        ):
            fields[field.name] = rng.getrandbits(field.width)
    if opcode in (Opcode.PUT, Opcode.REDUCE):  # a receiver's L1 is smaller than the field
        fields |= {"remote": rng.getrandbits(16), "remote_reg": 0}
    return legal(opcode, **fields, **random_sync(rng))


def random_sync(rng):
    fields = {}
    for wait in ("wait0", "wait1"):
        if rng.random() < 0.4:
            fields |= {f"{wait}_sem": rng.randrange(32), f"{wait}_count": rng.randrange(1, 64)}
    if rng.random() < 0.4:
        fields |= {"sig0_on": 1, "sig0_sem": rng.randrange(32)}
    if rng.random() < 0.5:
        fields |= {"sig1_kind": rng.choice([1, 2]), "sig1_sem": rng.randrange(32)}
        fields |= {"sig1_x": rng.randrange(4), "sig1_y": rng.randrange(4)}
    return fields


def random_body(rng, queue, depth, length):
    """Instructions with properly nested loops, and nothing that ends the queue."""
    code = []
    for _ in range(length):
        pick = rng.random()
        if pick < 0.5:
            code.append(random_engine(rng, queue))
        elif pick < 0.6:
            code.append(
                Instruction.of(
                    Opcode.LI, rd=rng.choice([0, 1, 2, 15]), rs=3, imm=rng.getrandbits(32)
                )
            )
        elif pick < 0.75:
            fields = random_sync(rng) if rng.random() < 0.1 else {}
            imm = rng.choice([4, 0xFFFFFFFC, rng.getrandbits(32)])
            rd, rs = rng.choices([0, 1, 2, 15], k=2)
            code.append(Instruction.of(Opcode.ADD, rd=rd, rs=rs, imm=imm, **fields))
        elif pick < 0.85:
            code.append(Instruction.of(Opcode.SYNC, **random_sync(rng)))
        elif depth < 4:
            rounds = rng.randrange(1, 4)
            if rng.random() < 0.5:
                code.append(Instruction.of(Opcode.LI, rd=4, imm=rounds - 2 & 0xFFFFFFFF))
                code.append(Instruction.of(Opcode.LOOP, rs=4, imm=2))
            else:
                code.append(Instruction.of(Opcode.LOOP, imm=rounds))
            code += [*random_body(rng, queue, depth + 1, 4), Instruction.of(Opcode.END)]
    return code


def signals_of(instruction):
    signals = []
    if instruction["sig0_on"]:
        signals.append((0, instruction["sig0_sem"]))
    if instruction["sig1_kind"]:
        remote = instruction["sig1_kind"] == 2
        position = (instruction["sig1_x"], instruction["sig1_y"]) if remote else ()
        signals.append((int(remote), instruction["sig1_sem"], *position))
    return signals


def interpret(code, limit=100000):
    """The reference: each instruction executed, as (waits, command or None, signals)."""
    registers, loops, pc, trace = [0] * 16, [], 0, []
    for _ in range(limit):
        instruction = code[pc]
        command = None
        waits = [(instruction[f"{w}_sem"], instruction[f"{w}_count"]) for w in ("wait0", "wait1")]
        pc += 1
        if kind_of(instruction.opcode) != Kind.SCALAR:
            command = {"opcode": int(instruction.opcode)}
            layout = LAYOUTS[kind_of(instruction.opcode)]
            for field in layout:
                value = instruction[field.name]
                if f"{field.name}_reg" in {f.name for f in layout}:
                    value = (
                        value + registers[instruction[f"{field.name}_reg"]] & (1 << field.width) - 1
                    )
                    value -= (1 << field.width) * (field.signed and value >> field.width - 1)
                command[field.name] = 0 if field.name.endswith("_reg") else value
        elif instruction.opcode in (Opcode.LI, Opcode.ADD):
            base = registers[instruction["rs"]] if instruction.opcode == Opcode.ADD else 0
            if instruction["rd"]:
                registers[instruction["rd"]] = base + instruction["imm"] & 0xFFFFFFFF
        elif instruction.opcode == Opcode.LOOP:
            loops.append([pc, instruction["imm"] + registers[instruction["rs"]] & 0xFFFFFFFF])
        elif instruction.opcode == Opcode.END:
            loops[-1][1] -= 1
            if loops[-1][1]:
                pc = loops[-1][0]
            else:
                loops.pop()
        trace.append(([wait for wait in waits if wait[1]], command, signals_of(instruction)))
        if instruction.opcode == Opcode.HALT:
            return trace
    raise AssertionError("program does not end")


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
        self.dut = Sequencer(machine=machine, queue=queue)
        self.events = []  # (cycle, kind, value)
        self.states = {state: 0 for state in QueueState}

    def of(self, kind):
        return [value for _, what, value in self.events if what == kind]

    def at(self, kind):
        return [cycle for cycle, what, _ in self.events if what == kind]

    def run(self, limit=30000):
        self.limit = limit
        sim = Simulator(self.dut)
        sim.add_clock(1e-6)
        sim.add_testbench(self._cycles)
        sim.run()
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


@pytest.mark.parametrize("queue", Queue)
@pytest.mark.parametrize("stall", [0.0, 0.4, 0.8])
def test_random_programs(queue, stall):
    rng = random.Random(f"{queue} {stall}")
    code = [*random_body(rng, queue, 0, 30), Instruction.of(Opcode.HALT, **random_sync(rng))]
    trace = interpret(code)
    words, entry = image(queue, code)
    bench = Bench(
        queue, words, entry=entry, stall=stall, machine=ROOMY, engine_time=rng.choice([1, 30])
    ).run()
    assert bench.halted and not bench.error, (
        f"state {bench.state} at slot {bench.pc}, error {bench.error_code}"
    )
    assert bench.instructions == len(trace)
    assert bench.of("wait") == [wait for waits, _, _ in trace for wait in waits]
    commands = [command for _, command, _ in trace if command]
    for index, (actual, expected) in enumerate(zip(bench.of("command"), commands, strict=True)):
        assert actual == expected, f"command {index}: expected {expected}, got {actual}"
    assert bench.of("signal") == [signal for _, _, signals in trace for signal in signals]
    check_order(bench, trace)
    expected_counters = [
        sum(bench.states[QueueState[name]] for name in names)
        for names in (["FETCH"], ["WAIT0", "WAIT1"], ["ENGINE", "DRAIN"])
    ]
    assert bench.counters == expected_counters


def check_order(bench, trace):
    """Waits come before their command and after the one before; signals after the completion of
    their instruction.
    """
    waits, commands, signals, done = (
        iter(bench.at(kind)) for kind in ("wait", "command", "signal", "done")
    )
    issued, completed = -1, -1
    for wanted, command, sent in trace:
        for at in [next(waits) for _ in wanted]:
            assert at > issued, "a wait was taken before the instruction before it issued"
            issued = at
        if command:
            at = next(commands)
            assert at > issued, "a command was issued before its waits"
            issued, completed = at, next(done)
        elif sent:
            completed = max(completed, issued)
        for at in [next(signals) for _ in sent]:
            assert at > completed, "a signal was sent before its instruction was complete"
            completed = at


def test_loops_walk_an_affine_pattern():
    """Two nested loops with an ADD per stride visit the addresses of two nested Python loops."""
    add = Instruction.of
    code = [
        add(Opcode.LOOP, imm=3),
        add(Opcode.LI, rd=2, imm=0),
        add(Opcode.LOOP, imm=4),
        legal(Opcode.PUT, local=100, local_reg=1, remote=50, remote_reg=2),
        add(Opcode.ADD, rd=2, rs=2, imm=8),
        add(Opcode.END),
        add(Opcode.ADD, rd=1, rs=1, imm=1000),
        add(Opcode.END),
        add(Opcode.HALT),
    ]
    words, entry = image(Queue.OUT, code)
    bench = Bench(Queue.OUT, words, entry=entry, engine_time=1).run()
    assert bench.halted
    expected = [(100 + 1000 * i, 50 + 8 * j) for i in range(3) for j in range(4)]
    assert [(c["local"], c["remote"]) for c in bench.of("command")] == expected


def test_latencies_are_the_documented_ones():
    """Three cycles a scalar; a command 3 cycles after its fetch, one more per register and wait; a
    signal after done.
    """
    put = legal(Opcode.PUT, local_reg=1, remote_reg=1, wait0_count=1, wait1_count=1, sig0_on=1)
    code = [
        Instruction.of(Opcode.LI, rd=1),
        *[legal(Opcode.PUT)] * 2,
        put,
        Instruction.of(Opcode.HALT),
    ]
    words, entry = image(Queue.OUT, code)
    bench = Bench(Queue.OUT, words, entry=entry, engine_time=1).run()
    fetches, commands = bench.at("fetch"), bench.at("command")
    assert fetches[1] - fetches[0] == 3
    assert [command - fetch for fetch, command in zip(fetches[1:], commands, strict=False)] == [
        3,
        3,
        7,
    ]
    assert bench.at("signal") == [bench.at("done")[-1] + 1]


def test_the_next_instruction_gets_ready_while_the_engine_is_busy():
    code = [*[legal(Opcode.PUT, wait0_count=1)] * 6, Instruction.of(Opcode.HALT)]
    words, entry = image(Queue.OUT, code)
    bench = Bench(Queue.OUT, words, entry=entry, engine_time=200).run()
    assert bench.at("command")[3] < bench.at("done")[0], "four commands can be with the engine"
    assert bench.at("wait")[4] < bench.at("done")[0] < bench.at("command")[4]


@pytest.mark.parametrize(
    "sync",
    [Instruction.of(Opcode.SYNC, wait0_sem=3, wait0_count=2), Instruction.of(Opcode.LI, rd=1)],
)
def test_sync_without_signals_does_not_drain(sync):
    code = [legal(Opcode.PUT), sync, legal(Opcode.PUT), Instruction.of(Opcode.HALT)]
    words, entry = image(Queue.OUT, code)
    bench = Bench(Queue.OUT, words, entry=entry, engine_time=500, seed=3).run()
    assert bench.halted and bench.at("command")[1] < bench.at("done")[0]


def failures(queue, programs):
    """Run programs that must fail (after one good SYNC), with resets between; the errors, and the
    offenders' indices.
    """
    bench, reset, found = Bench(queue, []), Signal(), []
    bench.limit = 200

    async def each(ctx):
        for code in programs:
            words = [word.encode() if isinstance(word, Instruction) else word for word in code]
            bench.words = [0, Instruction.of(Opcode.SYNC).encode(), *words]
            await bench._cycles(ctx)
            assert bench.error and not bench.halted, (
                f"no error, state {bench.state} at slot {bench.pc}"
            )
            assert bench.state == QueueState.ERROR
            found.append((ErrorCode(bench.error_code), bench.error_pc - 2))
            ctx.set(bench.dut.run, 0)
            ctx.set(reset, 1)
            await ctx.tick()
            ctx.set(reset, 0)

    sim = Simulator(ResetInserter(reset)(bench.dut))
    sim.add_clock(1e-6)
    sim.add_testbench(each)
    sim.run()
    return found


def test_a_wrong_byte_is_refused():
    """Whichever of the 32 bytes is hit."""
    good, rng = legal(Opcode.MATMUL, a=3, b=77, wait0_sem=2).encode(), random.Random(5)
    bad = [good ^ rng.randrange(1, 256) << 8 * byte for byte in range(32)]
    assert failures(Queue.MATRIX, [[word] for word in bad]) == [(ErrorCode.BAD_CHECKSUM, 0)] * 32


@pytest.mark.parametrize("queue", Queue)
def test_no_other_opcode_is_executed(queue):
    known = {*OPCODES_OF[queue], *range(Opcode.HALT, Opcode.END + 1)}
    sync = Instruction.of(Opcode.SYNC).encode()
    words = {byte: sync ^ (byte ^ Opcode.SYNC) * 0x101 for byte in range(256) if byte not in known}
    for byte, found in zip(
        words, failures(queue, [[word] for word in words.values()]), strict=True
    ):
        assert found == (ErrorCode.ILLEGAL, 0), f"opcode {byte:#x}"


def scalar(opcode, **fields):
    return Instruction.of(opcode, **fields)


@pytest.mark.parametrize(
    "code, at",
    [
        ([scalar(Opcode.END)], 0),
        ([scalar(Opcode.LOOP, imm=0)], 0),
        ([scalar(Opcode.LI, rd=1, imm=0xFFFFFFFF), scalar(Opcode.LOOP, rs=1, imm=1)], 1),
        ([scalar(Opcode.LOOP, imm=2)] * 5, 4),
        ([scalar(Opcode.LOOP, imm=1), scalar(Opcode.END), scalar(Opcode.END)], 2),
        ([scalar(Opcode.LOOP, imm=1), scalar(Opcode.HALT, sig0_on=1)], 1),
    ],
)
def test_loops_that_do_not_nest_are_refused(code, at):
    assert failures(Queue.LOAD, [code]) == [(ErrorCode.BAD_LOOP, at)]


REGISTER = [scalar(Opcode.LI, rd=5, imm=4000)]
ILLEGAL = {
    ErrorCode.ILLEGAL: [
        *[(Opcode.MATMUL, {name: 0}) for name in ("m", "n", "k", "fmt_a", "fmt_b")],
        *[(Opcode.MATMUL, {name: fmt}) for name in ("fmt_a", "fmt_b") for fmt in (5, 7)],
        *[(op, {"m": 0}) for op in OPCODES_OF[Queue.VECTOR]],
        *[
            (op, {"n": 0})
            for op in OPCODES_OF[Queue.VECTOR]
            if op not in (Opcode.ROWMAX, Opcode.EXP)
        ],
        (Opcode.COPY, {"fmt_a": 5}),
        (Opcode.FILL, {"fmt_d": 7}),
        *[
            (op, {name: 0})
            for op in (Opcode.LOAD, Opcode.STORE, Opcode.PUT, Opcode.REDUCE)
            for name in ("rows", "words")
        ],
        *[(Opcode.REDUCE, {"fmt": fmt}) for fmt in (Format.E4M3, 7)],
        (Opcode.COPY, {"sig1_kind": 3}),
        (Opcode.SYNC, {"sig1_kind": 3}),
    ],
    ErrorCode.ADDRESS: [
        *[(Opcode.MATMUL, {name: 4096}) for name in "abc"],
        *[(Opcode.ADDV, {name: 96, f"{name}_reg": 5}) for name in "dabs"],
        (Opcode.PUT, {"local": 96, "local_reg": 5}),
        (Opcode.LOAD, {"local": 65535}),
    ],
    ErrorCode.REMOTE_ADDRESS: [
        (Opcode.PUT, {"remote": 96, "remote_reg": 5}),
        (Opcode.REDUCE, {"remote": 1 << 16}),
        (Opcode.LOAD, {"remote": MESH4.channel_words}),
        (Opcode.STORE, {"remote": (1 << 28) - 1}),
    ],
    ErrorCode.RECTANGLE: [
        *[
            (op, fields)
            for op in (Opcode.LOAD, Opcode.PUT)
            for fields in ({"x0": 2, "x1": 1}, {"y0": 3, "y1": 2}, {"x1": 4}, {"y1": 63})
        ],
        *[
            (Opcode.LOAD, {"edge": edge, "target_x": x, "target_y": y})
            for edge, x, y in (
                (0, 1, 2),
                (1, 0, 2),
                (1, 3, 2),
                (2, 2, 1),
                (3, 2, 3),
                (0, 0, 4),
                (0, 0, 63),
            )
        ],
        (Opcode.STORE, {"target_y": 1}),
        *[
            (Opcode.REDUCE, fields)
            for fields in (
                {"x0": 2, "x1": 3},
                {"x0": 0, "x1": 0},
                {"y1": 1},
                {"y0": 3},
                {"target_x": 4},
                {"target_y": 4},
            )
        ],
        (Opcode.MATMUL, {"sig1_kind": 2, "sig1_x": 4}),
        (Opcode.SYNC, {"sig1_kind": 2, "sig1_y": 4}),
    ],
}


def queue_of(opcode):
    return next((queue for queue in Queue if opcode in OPCODES_OF[queue]), Queue.VECTOR)


@pytest.mark.parametrize("code", ILLEGAL)
@pytest.mark.parametrize("queue", Queue)
def test_illegal_operands_are_refused_before_they_issue(code, queue):
    cases = [(opcode, fields) for opcode, fields in ILLEGAL[code] if queue_of(opcode) == queue]
    programs = []
    for opcode, fields in cases:
        refused = (
            scalar(opcode, **fields)
            if opcode == Opcode.SYNC
            else legal(opcode, **{"wait0_count": 1, **fields})
        )
        programs.append([*REGISTER, refused])
    for (opcode, fields), found in zip(cases, failures(queue, programs), strict=True):
        assert found == (code, 1), f"{opcode.name} with {fields}"


def test_a_tile_with_fewer_semaphores_refuses_the_others():
    machine = MESH4.model_copy(update={"tile": MESH4.tile.model_copy(update={"semaphores": 6})})
    for name in ("wait0_sem", "wait1_sem", "sig0_sem", "sig1_sem"):
        for sem, state in ((5, "halted"), (6, "error")):
            used = {"wait0_count": 1, "wait1_count": 1, "sig0_on": 1, "sig1_kind": 1, name: sem}
            words, entry = image(
                Queue.OUT, [legal(Opcode.PUT, **used), Instruction.of(Opcode.HALT)]
            )
            assert getattr(Bench(Queue.OUT, words, entry=entry, machine=machine).run(200), state), (
                f"{name} = {sem}"
            )


def test_legal_extremes_issue():
    """The neighbours of what is refused."""
    accepted = [
        *[
            (Opcode.MATMUL, {"fmt_a": fmt, "fmt_b": 5 - fmt, "a": 4095, "lda": 1023})
            for fmt in (1, 2, 3, 4)
        ],
        *[
            (Opcode.ROWMAX, {"n": 0}),
            (Opcode.EXP, {"n": 0, "mask": -8192}),
            (Opcode.FILL, {"fmt_d": 4, "d": 4095}),
        ],
        (Opcode.LOAD, {"remote": MESH4.channel_words - 1, "target_y": 0}),
        (Opcode.LOAD, {"target_x": 3, "target_y": 0, "edge": 2}),
        (Opcode.STORE, {"x0": 5, "y1": 9, "target_x": 0, "target_y": 3, "edge": 0, "fmt": 3}),
        (Opcode.PUT, {"remote": 4095, "x0": 3, "y1": 1, "target_x": 63, "fmt": 3}),
        (
            Opcode.REDUCE,
            {
                "remote": 4095,
                "op": ReduceOp.MAX,
                "y0": 2,
                "y1": 2,
                "target_x": 0,
                "target_y": 3,
                "turn": 1,
            },
        ),
    ]
    for opcode, fields in accepted:
        words, entry = image(
            queue_of(opcode), [legal(opcode, **fields), Instruction.of(Opcode.HALT)]
        )
        bench = Bench(queue_of(opcode), words, entry=entry).run(500)
        assert bench.halted, f"{opcode.name} with {fields}: error {bench.error_code}"


def test_stop_offers_nothing_more():
    loop, end, halt = (
        Instruction.of(Opcode.LOOP, imm=100),
        Instruction.of(Opcode.END),
        Instruction.of(Opcode.HALT),
    )
    code = [loop, legal(Opcode.PUT, sig0_on=1, wait0_count=1), end, halt]
    words, entry = image(Queue.OUT, code)
    for stop_at in range(100, 120):
        bench = Bench(Queue.OUT, words, entry=entry, stop_at=stop_at, stall=0.3).run(stop_at + 50)
        assert not bench.halted and not bench.error
        assert all(
            cycle < stop_at
            for kind in ("fetch", "wait", "command", "signal")
            for cycle in bench.at(kind)
        )


def test_reset_forgets_registers_and_loops():
    """A second run after a reset behaves as the first, although memories keep their contents."""
    code = [
        Instruction.of(Opcode.LOOP, imm=2),
        Instruction.of(Opcode.ADD, rd=1, rs=1, imm=7),
        legal(Opcode.PUT, local_reg=1),
        Instruction.of(Opcode.END),
        Instruction.of(Opcode.HALT),
    ]
    words, entry = image(Queue.OUT, code)
    bench, reset = Bench(Queue.OUT, words, entry=entry), Signal()

    async def twice(ctx):
        await bench._cycles(ctx)
        ctx.set(bench.dut.run, 0)
        ctx.set(reset, 1)
        await ctx.tick()
        ctx.set(reset, 0)
        await bench._cycles(ctx)

    bench.limit = 500
    sim = Simulator(ResetInserter(reset)(bench.dut))
    sim.add_clock(1e-6)
    sim.add_testbench(twice)
    sim.run()
    assert [c["local"] for c in bench.of("command")] == [7, 14, 7, 14]


def test_each_queue_has_its_kind():
    assert [kind_of_queue(queue) for queue in Queue] == [
        Kind.MATRIX,
        Kind.VECTOR,
        Kind.MOVE,
        Kind.MOVE,
    ]
