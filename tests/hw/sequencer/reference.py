"""Random programs of a queue, and what they must do."""

from isa.instructions import (
    LAYOUTS,
    OPCODES_OF,
    Instruction,
    Kind,
    Opcode,
    kind_of,
)
from tests.hw.sequencer.bench import LEGAL, legal


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
