"""From a slot of a program image to an instruction the sequencer accepts, or to the error it raises."""

from dataclasses import dataclass

from golden.errors import Fault
from golden.reduction import Rectangle
from isa.errors import UserError
from isa.image import MAGIC, Program
from isa.instructions import (
    COMMON,
    LAYOUTS,
    OPCODES_OF,
    EdgePort,
    Format,
    Instruction,
    Kind,
    Opcode,
    Queue,
    SignalKind,
    checksum_ok,
    kind_of,
)  # fmt: skip
from isa.machine import Machine
from isa.status import ErrorCode

__all__ = ["Decoded", "Image", "check"]

_DEFAULTS = {kind: {field.name: 0 for field in (*COMMON, *LAYOUTS[kind])} for kind in Kind}


@dataclass(frozen=True, slots=True)
class Decoded:
    """An instruction with everything the machine asks for at each execution looked up once."""

    opcode: Opcode
    fields: dict[str, int]
    waits: tuple[tuple[int, int], ...]
    """(semaphore, count) of each wait."""
    signals: tuple[tuple[int, tuple[int, int] | None], ...]
    """(semaphore, remote tile or None for this one) of each signal."""

    @classmethod
    def of(cls, instruction: Instruction) -> "Decoded":
        """Look an instruction's fields up."""
        fields = _DEFAULTS[kind_of(instruction.opcode)] | dict(instruction.fields)
        waits = tuple((fields[f"wait{i}_sem"], fields[f"wait{i}_count"]) for i in (0, 1) if fields[f"wait{i}_count"])
        signals: list[tuple[int, tuple[int, int] | None]] = [(fields["sig0_sem"], None)] if fields["sig0_on"] else []
        if fields["sig1_kind"] != SignalKind.NONE:
            remote = fields["sig1_kind"] == SignalKind.REMOTE
            signals.append((fields["sig1_sem"], (fields["sig1_x"], fields["sig1_y"]) if remote else None))
        return cls(instruction.opcode, fields, waits, tuple(signals))


class Image:
    """The program memory of a tile: slots are decoded when they are fetched, as in the hardware."""

    def __init__(self, image: Program | list[int], machine: Machine):
        self._machine = machine
        self._slots: list[Instruction | int]
        if isinstance(image, Program):
            self._slots = [0, *(instruction for queue in Queue for instruction in image.queues[queue])]
            lengths = [len(image.queues[queue]) for queue in Queue]
            self.entries = [1 + sum(lengths[:queue]) for queue in Queue]
        else:
            self._slots = list(image)
            header = self._slots[0] if self._slots else 0
            if not checksum_ok(header) or header & 0xFF != Opcode.HEADER or header >> 64 & 0xFFFFFFFF != MAGIC:
                raise Fault(ErrorCode.BAD_HEADER, "the program image does not start with a header")
            self.entries = [header >> 96 + 16 * queue & 0xFFFF for queue in Queue]
        capacity = machine.tile.program_instructions
        if len(self._slots) > capacity:
            raise Fault(
                ErrorCode.REMOTE_ADDRESS,
                f"the program image has {len(self._slots)} slots, the program memory {capacity}",
                capacity,
            )
        self._decoded: dict[tuple[int, Queue], Decoded] = {}

    def fetch(self, pc: int, queue: Queue, tile: tuple[int, int]) -> Decoded:
        """The instruction in slot `pc`, for the queue of a tile that is about to issue it.

        Raises
        ------
        Fault
            BAD_CHECKSUM, ILLEGAL or RECTANGLE. Memory that the image does not reach holds 0, which is no instruction.
        """
        found = self._decoded.get((pc, queue))
        if found is None:
            slot = self._slots[pc] if pc < len(self._slots) else 0
            found = check(slot, queue, tile, self._machine)
            self._decoded[pc, queue] = found
        return found


def check(slot: Instruction | int, queue: Queue, tile: tuple[int, int], machine: Machine) -> Decoded:
    """Decode an instruction and refuse what the sequencer of this queue and tile refuses.

    Raises
    ------
    Fault
        With the code of the first rule that is broken.
    """
    if isinstance(slot, int):
        if not checksum_ok(slot):
            raise Fault(ErrorCode.BAD_CHECKSUM, f"the bytes of {slot:#066x} do not XOR to 0xA5")
        try:
            slot = Instruction.decode(slot)
        except (ValueError, UserError) as error:
            raise Fault(ErrorCode.ILLEGAL, str(error)) from None
    opcode = slot.opcode
    if opcode == Opcode.HEADER or kind_of(opcode) != Kind.SCALAR and opcode not in OPCODES_OF[queue]:
        raise Fault(ErrorCode.ILLEGAL, f"{opcode.name} is not for this queue")
    decoded = Decoded.of(slot)
    _check_semaphores(decoded, machine)
    if kind_of(opcode) in _OPERANDS:
        _OPERANDS[kind_of(opcode)](decoded, tile, machine)
    return decoded


def _illegal(condition: bool, text: str) -> None:
    if condition:
        raise Fault(ErrorCode.ILLEGAL, text)


def _inside(x: int, y: int, machine: Machine) -> bool:
    return x < machine.mesh.columns and y < machine.mesh.rows


def _check_semaphores(decoded: Decoded, machine: Machine) -> None:
    fields = decoded.fields
    _illegal(fields["sig1_kind"] > max(SignalKind), f"sig1_kind {fields['sig1_kind']} does not exist")
    used = [semaphore for semaphore, _ in (*decoded.waits, *decoded.signals)]
    if fields.get("bump"):
        used.append(fields["sem"])
    for semaphore in used:
        _illegal(semaphore >= machine.tile.semaphores, f"semaphore {semaphore} of {machine.tile.semaphores}")
    for _, remote in decoded.signals:
        if remote and not _inside(*remote, machine):
            raise Fault(ErrorCode.RECTANGLE, f"the remote signal goes to tile {remote}, which is not there")


def _check_matrix(decoded: Decoded, tile: tuple[int, int], machine: Machine) -> None:
    fields = decoded.fields
    for name in ("m", "n", "k"):
        _illegal(fields[name] == 0, f"{name} must be at least 1")
    _illegal(fields["fmt"] not in tuple(Format) or fields["fmt"] == Format.FP32, f"format {fields['fmt']} of A and B")


def _check_vector(decoded: Decoded, tile: tuple[int, int], machine: Machine) -> None:
    fields, opcode = decoded.fields, decoded.opcode
    _illegal(fields["m"] == 0, "m must be at least 1")
    _illegal(fields["n"] == 0 and opcode not in (Opcode.ROWMAX, Opcode.EXP), "n must be at least 1")
    _illegal(fields["fmt_a"] not in tuple(Format) and opcode != Opcode.FILL, f"format {fields['fmt_a']} of A")
    _illegal(fields["fmt_d"] not in tuple(Format) and opcode != Opcode.ROWMAX, f"format {fields['fmt_d']} of D")


def _check_move(decoded: Decoded, tile: tuple[int, int], machine: Machine) -> None:
    fields, opcode = decoded.fields, decoded.opcode
    _illegal(fields["rows"] == 0 or fields["words"] == 0, "rows and words must be at least 1")
    target = fields["target_x"], fields["target_y"]
    rectangle = Rectangle(fields["x0"], fields["y0"], fields["x1"], fields["y1"])
    if opcode == Opcode.REDUCE:
        _illegal(fields["fmt"] != Format.FP32, f"format {fields['fmt']}: reductions are in FP32")
    if opcode != Opcode.STORE:
        empty = rectangle.x0 > rectangle.x1 or rectangle.y0 > rectangle.y1
        if empty or not _inside(rectangle.x1, rectangle.y1, machine):
            raise Fault(ErrorCode.RECTANGLE, f"rectangle {tuple(rectangle)} is empty or leaves the mesh")
    if opcode == Opcode.REDUCE:
        if not _inside(*target, machine):
            raise Fault(ErrorCode.RECTANGLE, f"root {target} is not there")
        if tile not in rectangle:
            raise Fault(ErrorCode.RECTANGLE, f"this tile is no member of {tuple(rectangle)}")
    elif opcode != Opcode.PUT:
        edge = EdgePort(fields["edge"]).name.lower()
        if not any((channel.edge, channel.x, channel.y) == (edge, *target) for channel in machine.channels):
            raise Fault(ErrorCode.RECTANGLE, f"no HBM channel at the {edge} port of tile {target}")


_OPERANDS = {Kind.MATRIX: _check_matrix, Kind.VECTOR: _check_vector, Kind.MOVE: _check_move}
