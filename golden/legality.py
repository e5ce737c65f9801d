"""What a sequencer refuses before it hands an instruction to its engine, and with which code.

The rules are tried in the order in which the hardware tries them; the first that is broken decides.
"""

from golden.errors import GoldenFault
from isa.geometry import Rectangle
from isa.instructions import EdgePort, Format, Kind, Opcode, kind_of
from isa.machine import Machine
from isa.status import ErrorCode

__all__ = ["check_operands", "check_semaphores"]

_L1_ADDRESSES = {
    Kind.MATRIX: ("a", "b", "c"),
    Kind.VECTOR: ("d", "a", "b", "s"),
    Kind.MOVE: ("local",),
}
"""First words in this tile's L1; they are checked whether the opcode uses them or not."""
_FORMATS = frozenset(Format)


def check_semaphores(f: dict[str, int], machine: Machine) -> None:
    """Refuse waits for and signals to what does not exist; registers play no role."""
    for name, used in (
        ("wait0", "wait0_count"),
        ("wait1", "wait1_count"),
        ("sig0", "sig0_on"),
        ("sig1", "sig1_kind"),
    ):
        semaphore = f[f"{name}_sem"]
        _require(
            not f[used] or semaphore < machine.tile.semaphores,
            f"semaphore {semaphore} of {machine.tile.semaphores}",
        )
    _require(f["sig1_kind"] < 3, f"sig1_kind {f['sig1_kind']} does not exist")
    if f["sig1_kind"] == 2:
        remote = f["sig1_x"], f["sig1_y"]
        _require(_inside(*remote, machine), f"no tile {remote} to signal", ErrorCode.RECTANGLE)


def check_operands(
    opcode: Opcode, f: dict[str, int], tile: tuple[int, int], machine: Machine
) -> None:
    """Refuse operands (with registers already added) that the engine does not take.

    Raises
    ------
    Fault
        ILLEGAL, ADDRESS or REMOTE_ADDRESS for a first word that is not there, or RECTANGLE.
    """
    kind = kind_of(opcode)
    if kind == Kind.MATRIX:
        _require(f["m"] and f["n"] and f["k"], "m, n and k must be at least 1")
        for operand in "ab":
            fmt = f[f"fmt_{operand}"]
            _require(fmt in _FORMATS and fmt != Format.FP32, f"format {fmt} of {operand.upper()}")
    elif kind == Kind.VECTOR:
        _require(f["m"], "m must be at least 1")
        _require(f["n"] or opcode in (Opcode.ROWMAX, Opcode.EXP), "n must be at least 1")
        _require(
            f["fmt_a"] in _FORMATS and f["fmt_d"] in _FORMATS,
            f"formats {f['fmt_a']} and {f['fmt_d']}",
        )
    else:
        _require(f["rows"] and f["words"], "rows and words must be at least 1")
    for name in _L1_ADDRESSES[kind]:
        if f[name] >= machine.tile.l1_words:
            text = f"{name} = {f[name]:#x} is beyond the L1's {machine.tile.l1_words:#x} words"
            raise GoldenFault(ErrorCode.ADDRESS, text, f[name])
    if kind == Kind.MOVE:
        _check_move(opcode, f, tile, machine)


def _check_move(opcode: Opcode, f: dict[str, int], tile: tuple[int, int], machine: Machine) -> None:
    target = f["target_x"], f["target_y"]
    rectangle = Rectangle(f["x0"], f["y0"], f["x1"], f["y1"])
    to_hbm = opcode in (Opcode.LOAD, Opcode.STORE)
    formats = machine.mesh.formats
    _require(
        opcode != Opcode.REDUCE or f["fmt"] in formats,
        f"format {f['fmt']}: reductions take {[fmt.name for fmt in formats]}",
    )
    words = machine.channel_words if to_hbm else machine.tile.l1_words
    if f["remote"] >= words:
        text = (
            f"remote = {f['remote']:#x} is beyond the {'channel' if to_hbm else 'L1'}'s {words:#x} "
            "words"
        )
        raise GoldenFault(ErrorCode.REMOTE_ADDRESS, text, f["remote"])
    if to_hbm:
        edge = EdgePort(f["edge"]).name.lower()
        there = any(
            (channel.edge, channel.x, channel.y) == (edge, *target) for channel in machine.channels
        )
        _require(there, f"no HBM channel at the {edge} port of tile {target}", ErrorCode.RECTANGLE)
    if opcode != Opcode.STORE:
        whole = (
            rectangle.x0 <= rectangle.x1
            and rectangle.y0 <= rectangle.y1
            and _inside(*rectangle[2:], machine)
        )
        _require(
            whole, f"rectangle {tuple(rectangle)} is empty or leaves the mesh", ErrorCode.RECTANGLE
        )
    if opcode == Opcode.REDUCE:
        _require(
            tile in rectangle, f"this tile is no member of {tuple(rectangle)}", ErrorCode.RECTANGLE
        )
        _require(_inside(*target, machine), f"no tile {target} to be the root", ErrorCode.RECTANGLE)


def _require(condition: object, text: str, code: ErrorCode = ErrorCode.ILLEGAL) -> None:
    if not condition:
        raise GoldenFault(code, text)


def _inside(x: int, y: int, machine: Machine) -> bool:
    return x < machine.mesh.columns and y < machine.mesh.rows
