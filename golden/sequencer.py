"""One instruction queue of one tile: registers, loops, waits and signals, exactly as
`isa.instructions` says.
"""

from collections.abc import Callable

from golden.decoding import Decoded, Image
from golden.errors import GoldenFault
from golden.legality import check_operands
from isa.instructions import LOOP_DEPTH, REGISTERS, Kind, Opcode, Queue
from isa.status import ErrorCode

__all__ = ["GoldenSequencer"]

_REGISTER = (1 << 32) - 1


class GoldenSequencer:
    """State of a queue. The machine supplies what reaches beyond it.

    Parameters
    ----------
    tile, queue, image
        Where it is and what it runs.
    take
        Takes a count from a semaphore of the tile: `take(semaphore, count) -> bool`.
    execute
        Carries out an engine instruction with its effective operands: `execute(sequencer, opcode,
        operands)`.
    signal
        Bumps a semaphore of the tile, or of another one: `signal(sequencer, semaphore, remote)`.
    """

    def __init__(
        self,
        *,
        tile: tuple[int, int],
        queue: Queue,
        image: Image,
        take: Callable[[int, int], bool],
        execute: Callable[["GoldenSequencer", Opcode, dict[str, int]], None],
        signal: Callable[["GoldenSequencer", int, tuple[int, int] | None], None],
    ):
        self.tile = tile
        self.queue = queue
        self.pc = image.entries[queue]
        self.registers = [0] * REGISTERS
        self.halted = False
        self.blocked: tuple[int, int] | None = None
        """(semaphore, count) of the wait that was not met."""
        self.retired = 0
        self._machine = image.machine
        self._image = image
        self._take = take
        self._execute = execute
        self._signal = signal
        self._loops: list[list[int]] = []
        self._waited = 0
        self._operands: dict[str, int] = {}

    def step(self) -> Decoded | None:
        """Execute one instruction; None if it waits (see `blocked`). Waits are met one after the
        other, as in hardware.

        Raises
        ------
        Fault
            Whatever the instruction is guilty of; `pc` is its slot.
        """
        decoded = self._image.fetch(self.pc, self.queue)
        if self.blocked is None:
            self._operands = self._effective(decoded)
        for semaphore, count in decoded.waits[self._waited :]:
            if not self._take(semaphore, count):
                self.blocked = semaphore, count
                return None
            self._waited += 1
        self._waited = 0
        self.blocked = None
        following = self.pc + 1
        if decoded.kind == Kind.SCALAR:
            following = self._scalar(decoded)
        else:
            self._execute(self, decoded.opcode, self._operands)
        for semaphore, remote in decoded.signals:
            self._signal(self, semaphore, remote)
        self.pc = following
        self.retired += 1
        return decoded

    def _effective(self, decoded: Decoded) -> dict[str, int]:
        """The operands with the registers added, modulo the width of each field, once they are
        found legal.
        """
        if not decoded.added:
            return decoded.fields
        operands = decoded.fields.copy()
        for name, register, width, signed in decoded.added:
            value = operands[name] + self.registers[register] & (1 << width) - 1
            operands[name] = value - (1 << width) if signed and value >> width - 1 else value
        check_operands(decoded.opcode, operands, self.tile, self._machine)
        return operands

    def _scalar(self, decoded: Decoded) -> int:
        """Execute a scalar instruction; gives the next slot."""
        f, opcode = decoded.fields, decoded.opcode
        if opcode == Opcode.HALT:
            if self._loops:
                raise GoldenFault(ErrorCode.BAD_LOOP, "HALT inside a loop")
            self.halted = True
            return self.pc
        if opcode in (Opcode.LI, Opcode.ADD):
            base = self.registers[f["rs"]] if opcode == Opcode.ADD else 0
            if f["rd"]:
                self.registers[f["rd"]] = base + f["imm"] & _REGISTER
        elif opcode == Opcode.LOOP:
            turns = f["imm"] + self.registers[f["rs"]] & _REGISTER
            if not turns or len(self._loops) == LOOP_DEPTH:
                text = (
                    f"more than {LOOP_DEPTH} loops inside each other"
                    if turns
                    else "LOOP of 0 iterations"
                )
                raise GoldenFault(ErrorCode.BAD_LOOP, text)
            self._loops.append([self.pc + 1, turns])
        elif opcode == Opcode.END:
            if not self._loops:
                raise GoldenFault(ErrorCode.BAD_LOOP, "END without LOOP")
            self._loops[-1][1] -= 1
            if self._loops[-1][1]:
                return self._loops[-1][0]
            self._loops.pop()
        return self.pc + 1
