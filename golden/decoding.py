"""From a slot of a program image to an instruction the sequencer can issue, or to the error it
raises.
"""

from dataclasses import dataclass

from golden.errors import GoldenFault
from golden.legality import check_operands, check_semaphores
from isa.image import MAGIC, Program
from isa.instructions import (
    COMMON,
    LAYOUTS,
    OPCODES_OF,
    Instruction,
    Kind,
    Opcode,
    Queue,
    SignalKind,
    checksum_ok,
    kind_of,
)
from isa.machine import Machine
from isa.status import ErrorCode

__all__ = ["Decoded", "Image"]

_DEFAULTS = {kind: {field.name: 0 for field in (*COMMON, *LAYOUTS[kind])} for kind in Kind}


@dataclass(frozen=True, slots=True)
class Decoded:
    """An instruction with everything the machine asks for at each execution looked up once."""

    opcode: Opcode
    kind: Kind
    fields: dict[str, int]
    added: tuple[tuple[str, int, int, bool], ...]
    """(operand, register, width, signed) of each address to which a register other than r0 is
    added.
    """
    waits: tuple[tuple[int, int], ...]
    """(semaphore, count) of each wait."""
    signals: tuple[tuple[int, tuple[int, int] | None], ...]
    """(semaphore, remote tile or None for this one) of each signal."""

    @classmethod
    def of(cls, instruction: Instruction) -> "Decoded":
        """Look an instruction's fields up."""
        kind = kind_of(instruction.opcode)
        fields = _DEFAULTS[kind] | dict(instruction.fields)
        added = tuple(
            (field.name, fields[f"{field.name}_reg"], field.width, field.signed)
            for field in LAYOUTS[kind]
            if fields.get(f"{field.name}_reg")
        )
        waits = tuple(
            (fields[f"wait{i}_sem"], fields[f"wait{i}_count"])
            for i in (0, 1)
            if fields[f"wait{i}_count"]
        )
        signals: list[tuple[int, tuple[int, int] | None]] = (
            [(fields["sig0_sem"], None)] if fields["sig0_on"] else []
        )
        if fields["sig1_kind"] != SignalKind.NONE:
            remote = fields["sig1_kind"] == SignalKind.REMOTE
            signals.append(
                (fields["sig1_sem"], (fields["sig1_x"], fields["sig1_y"]) if remote else None)
            )
        return cls(instruction.opcode, kind, fields, added, waits, tuple(signals))


class Image:
    """The program memory of a tile: slots are decoded and checked when they are fetched, as in the
    hardware.
    """

    def __init__(self, image: Program | list[int], machine: Machine, tile: tuple[int, int]):
        self.machine = machine
        self._tile = tile
        self._slots: list[Instruction | int]
        if isinstance(image, Program):
            self._slots = [
                0,
                *(instruction for queue in Queue for instruction in image.queues[queue]),
            ]
            lengths = [len(image.queues[queue]) for queue in Queue]
            self.entries = [1 + sum(lengths[:queue]) for queue in Queue]
        else:
            self._slots = [*image]
            header = image[0] if image else 0
            if (
                not checksum_ok(header)
                or header & 0xFF != Opcode.HEADER
                or header >> 64 & 0xFFFFFFFF != MAGIC
            ):
                raise GoldenFault(
                    ErrorCode.BAD_HEADER, "the program image does not start with a header"
                )
            self.entries = [header >> 96 + 16 * queue & 0xFFFF for queue in Queue]
        capacity = machine.tile.program_instructions
        if len(self._slots) > capacity:
            raise GoldenFault(
                ErrorCode.REMOTE_ADDRESS,
                f"the program image has {len(self._slots)} slots, the program memory {capacity}",
                capacity,
            )
        self._decoded: dict[tuple[int, Queue], Decoded] = {}

    def fetch(self, pc: int, queue: Queue) -> Decoded:
        """The instruction in slot `pc`, for the queue that is about to issue it.

        Raises
        ------
        Fault
            BAD_CHECKSUM, ILLEGAL, or what `golden.legality` finds, unless registers are still to be
            added. Memory that the image does not reach holds 0, which is no instruction.
        """
        found = self._decoded.get((pc, queue))
        if found is None:
            slot = self._slots[pc] if pc < len(self._slots) else 0
            found = _decode(slot, queue, self.machine)
            check_semaphores(found.fields, self.machine)
            if found.kind != Kind.SCALAR and not found.added:
                check_operands(found.opcode, found.fields, self._tile, self.machine)
            self._decoded[pc, queue] = found
        return found


def _decode(slot: Instruction | int, queue: Queue, machine: Machine) -> Decoded:
    if isinstance(slot, int):
        if not checksum_ok(slot):
            raise GoldenFault(
                ErrorCode.BAD_CHECKSUM, f"the bytes of {slot:#066x} do not XOR to 0xA5"
            )
        try:
            slot = Instruction.decode(slot)
        except ValueError as error:
            raise GoldenFault(ErrorCode.ILLEGAL, str(error)) from None
    opcode = slot.opcode
    if opcode == Opcode.HEADER or (
        kind_of(opcode) != Kind.SCALAR and opcode not in OPCODES_OF[queue]
    ):
        raise GoldenFault(ErrorCode.ILLEGAL, f"{opcode.name} is not for this queue")
    return Decoded.of(slot)
