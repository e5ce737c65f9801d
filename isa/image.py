"""Program image of a tile: a header slot and the code of the four queues, as the tile fetches it
from HBM at boot.
"""

from dataclasses import dataclass, field

from isa.errors import UserError
from isa.instructions import (
    BITS,
    CHECKSUM,
    LOOP_DEPTH,
    OPCODES_OF,
    Instruction,
    Kind,
    Opcode,
    Queue,
    checksum_ok,
    kind_of,
)

__all__ = ["MAGIC", "Program"]

MAGIC = 0x464D0001
"""'FM', version 1: bits 64..95 of the header; the four 16-bit entry points (MATRIX, VECTOR, LOAD,
OUT) follow.
"""


@dataclass
class Program:
    """What one tile runs: an instruction list per queue, each ending with HALT."""

    queues: dict[Queue, list[Instruction]] = field(
        default_factory=lambda: {queue: [] for queue in Queue}
    )

    def __len__(self) -> int:
        """Instruction slots of the image, header included."""
        return 1 + sum(len(code) for code in self.queues.values())

    def check(self) -> None:
        """Refuse what the sequencers would refuse.

        Raises
        ------
        UserError
            If a queue holds another engine's opcode, loops do not nest or nest too deep, or HALT is
            not exactly at the end.
        """
        for queue, code in self.queues.items():
            depth = 0
            for pc, instruction in enumerate(code):
                where = f"queue {queue.name.lower()}, instruction {pc} ({instruction.opcode.name})"
                if kind_of(instruction.opcode) == Kind.SCALAR:
                    depth += {Opcode.LOOP: 1, Opcode.END: -1}.get(instruction.opcode, 0)
                    if instruction.opcode == Opcode.HEADER or not 0 <= depth <= LOOP_DEPTH:
                        raise UserError(f"{where}: loops must nest, at most {LOOP_DEPTH} deep")
                elif instruction.opcode not in OPCODES_OF[queue]:
                    raise UserError(f"{where}: this queue does not execute it")
                if (instruction.opcode == Opcode.HALT) != (pc == len(code) - 1) or (
                    depth and pc == len(code) - 1
                ):
                    raise UserError(f"{where}: HALT must be the last instruction, outside loops")
            if not code:
                raise UserError(f"queue {queue.name.lower()}: must end with HALT, not be empty")

    def words(self) -> list[int]:
        """The image, one 256-bit word per slot."""
        entries, at = 0, 1
        code: list[int] = []
        for queue in Queue:
            entries |= at << 16 * queue
            at += len(self.queues[queue])
            code += [instruction.encode() for instruction in self.queues[queue]]
        header = int(Opcode.HEADER) | MAGIC << 64 | entries << 96
        fold = 0
        for byte in header.to_bytes(BITS // 8, "little"):
            fold ^= byte
        return [header | (fold ^ CHECKSUM) << 8, *code]

    @classmethod
    def from_words(cls, words: list[int]) -> "Program":
        """Read an image back.

        Raises
        ------
        UserError
            If the header or any instruction is corrupted; the line names the slot.
        """
        if (
            not words
            or not checksum_ok(words[0])
            or words[0] & 0xFF != Opcode.HEADER
            or words[0] >> 64 & 0xFFFFFFFF != MAGIC
        ):
            raise UserError("program image, slot 0: not a flatmesh header")
        starts = [words[0] >> 96 + 16 * queue & 0xFFFF for queue in Queue]
        if starts[0] != 1 or sorted(starts) != starts or starts[-1] > len(words):
            raise UserError("program image, slot 0: entry points out of order")
        program = cls()
        for queue, start, end in zip(Queue, starts, [*starts[1:], len(words)], strict=True):
            for slot in range(start, end):
                try:
                    program.queues[queue].append(Instruction.decode(words[slot]))
                except ValueError as error:
                    raise UserError(
                        f"program image, slot {slot} (queue {queue.name.lower()}): {error}"
                    ) from None
        program.check()
        return program
