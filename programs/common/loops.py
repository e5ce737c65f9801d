"""Rolled traces as instructions: hardware loops, address registers, and the interpreter that undoes
them.
"""

from collections.abc import Iterator, Sequence

from isa.errors import UserError
from isa.instructions import LOOP_DEPTH, REGISTERS, Instruction, Opcode
from programs.common.roll import Leaf, Loop, Node, Register, roll, walk
from programs.common.trace import Op, Shape, address_fields

__all__ = ["Compressor", "compress", "emit", "expand", "steps"]

_MASK = (1 << 32) - 1
_WITH_OPERANDS = (Opcode.LI, Opcode.ADD, Opcode.LOOP)


def compress(ops: Sequence[Op]) -> list[Op]:
    """Turn a trace into a program that does the same, HALT included, and is no longer."""
    code = emit(roll(ops))
    return [*(code if len(code) <= len(ops) else ops), _scalar(Opcode.HALT)]


class Compressor:
    """`compress`, once for all traces that are equal. Their operations must be interned: the same
    objects in the same order.
    """

    def __init__(self) -> None:
        self._made: dict[tuple[int, ...], list[Op]] = {}

    def __call__(self, ops: Sequence[Op]) -> list[Op]:
        """Program of a trace."""
        key = tuple(map(id, ops))
        if key not in self._made:
            self._made[key] = compress(ops)
        return self._made[key]


def emit(nodes: Sequence[Node]) -> list[Op]:
    """Turn a rolled trace into code. Each nest of loops allots the address registers anew."""
    code: list[Op] = []
    used: set[int] = set()
    for index, node in enumerate(nodes):
        code += [node.op] if isinstance(node, Leaf) else _Nest(node, (index,), used).code()
    return code


def _scalar(opcode: Opcode, **fields: int) -> Op:
    return Op(
        Shape(opcode, tuple(sorted((name, value) for name, value in fields.items() if value)))
    )


class _Nest:
    """Code of one outermost loop."""

    def __init__(self, loop: Loop, place: tuple[int, ...], used: set[int]):
        self._top = loop, place
        self._loops = {place: loop}
        self._operands: dict[tuple[int, ...], list[Register | None]] = {place: [None]}
        for where, node, registers in walk(loop, place):
            self._operands[where] = registers
            if isinstance(node, Loop):
                self._loops[where] = node
        self._numbers: dict[Register, int] = {}
        for registers in self._operands.values():
            for register in registers:
                self._allot(register)
        if len(self._numbers) >= REGISTERS:
            raise UserError(
                f"a loop nest needs {len(self._numbers)} address registers, a queue has "
                f"{REGISTERS - 1}"
            )
        self._used = used

    def _allot(self, register: Register | None) -> None:
        if register is not None and register not in self._numbers:
            self._allot(register.start)
            self._numbers[register] = len(self._numbers) + 1

    def _number(self, register: Register | None) -> int:
        return 0 if register is None else self._numbers[register]

    def code(self) -> list[Op]:
        """LOOP to END, with what sets its registers in front."""
        return list(self._loop(*self._top))

    def _loop(self, loop: Loop, place: tuple[int, ...]) -> Iterator[Op]:
        for register, number in self._numbers.items():
            # A register that no code before has used is still 0, unless this loop is itself
            # repeated.
            if register.loops[0] == place and (
                register.start or number in self._used or len(place) > 1
            ):
                yield _scalar(Opcode.ADD, rd=number, rs=self._number(register.start))
            self._used.add(number)
        yield _scalar(Opcode.LOOP, imm=loop.trips, rs=self._number(self._operands[place][0]))
        for i, node in enumerate(loop.body):
            if isinstance(node, Loop):
                yield from self._loop(node, (*place, i))
            else:
                registers = tuple(map(self._number, self._operands[*place, i]))
                yield node.op._replace(registers=registers) if any(registers) else node.op
        for register, number in self._numbers.items():
            if move := self._move(register, place):
                yield _scalar(Opcode.ADD, rd=number, rs=number, imm=move & _MASK)
        yield _scalar(Opcode.END)

    def _move(self, register: Register, place: tuple[int, ...]) -> int:
        """Amount added at the end of a loop's body: the stride, less what the loop inside left
        behind.
        """
        if place not in register.loops:
            return 0
        level = register.loops.index(place)
        if level + 1 == len(register.loops):
            return register.strides[level]
        inner = self._loops[register.loops[level + 1]]
        return register.strides[level] - inner.trips * register.strides[level + 1]


def expand(code: Sequence[Instruction]) -> Iterator[Instruction]:
    """Interpret the scalar instructions of a queue up to HALT: what remains, in order and with
    absolute addresses.

    Raises
    ------
    ValueError
        If the sequencer would refuse a loop.
    """
    return (instruction for _, instruction in steps(code))


def steps(code: Sequence[Instruction]) -> Iterator[tuple[int, Instruction]]:
    """Interpret a queue like `expand`: each instruction with its place in the code.

    Raises
    ------
    ValueError
        If the sequencer would refuse a loop.
    """
    registers = [0] * REGISTERS
    loops: list[list[int]] = []
    moving = [any(i[f"{name}_reg"] for name in address_fields(i.opcode)) for i in code]
    operands = [
        (i["rd"], i["rs"], i["imm"]) if i.opcode in _WITH_OPERANDS else (0, 0, 0) for i in code
    ]
    pc = 0
    while (instruction := code[pc]).opcode != Opcode.HALT:
        rd, rs, imm = operands[pc]
        pc += 1
        match instruction.opcode:
            case Opcode.LI | Opcode.ADD:
                start = registers[rs] if instruction.opcode == Opcode.ADD else 0
                if rd:
                    registers[rd] = start + imm & _MASK
            case Opcode.LOOP:
                turns = imm + registers[rs] & _MASK
                if not turns or len(loops) == LOOP_DEPTH:
                    raise ValueError(
                        f"slot {pc - 1}: a loop of {turns} turns at depth {len(loops)}"
                    )
                loops.append([pc, turns])
            case Opcode.END:
                loops[-1][1] -= 1
                if loops[-1][1]:
                    pc = loops[-1][0]
                else:
                    loops.pop()
            case _:
                yield pc - 1, _absolute(instruction, registers) if moving[pc - 1] else instruction


def _absolute(instruction: Instruction, registers: list[int]) -> Instruction:
    moved: dict[str, int] = {}
    for name in address_fields(instruction.opcode):
        if register := instruction[f"{name}_reg"]:
            value = registers[register]
            moved[name] = instruction[name] + (value - (1 << 32) if value >> 31 else value)
            moved[f"{name}_reg"] = 0
    return instruction.replace(**moved)
