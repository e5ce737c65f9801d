"""Coverage bins of what depends on the place: rounds of loops in a program, the inputs that a
router joins, and events that a program makes meet.
"""

from collections.abc import Iterator, Mapping
from itertools import product

from isa.geometry import Rectangle
from isa.instructions import LOOP_DEPTH, Format, Instruction, Opcode, Queue, ReduceOp
from isa.machine import load_machine
from isa.packets import Port
from verify.conformance.edge_joins import join_sets, joining
from verify.conformance.edge_loops import LONGEST
from verify.conformance.meeting_points import MEETINGS
from verify.conformance.meeting_programs import expected_meetings
from verify.conformance.prepare import Expected

__all__ = ["declare_places", "observe_joins", "observe_places"]

_EVERY = load_machine("tiny", "5x3")
"""Its routers join every set of inputs that there can be."""


def declare_places() -> dict[str, list[str]]:
    """Group to its members."""
    sets = sorted(
        {_set(s) for place in joining(_EVERY.mesh) for s in join_sets(*place)},
        key=lambda name: (len(name), name),
    )
    return {
        "loop": [
            f"{queue.name.lower()} nested {depth}"
            for queue in Queue
            for depth in range(1, LOOP_DEPTH + 1)
        ],
        "loop rounds": [
            *("from imm", "from a register", "1", "2", "3 and more"),
            *(_bits(1 << bit) for bit in range(2, LONGEST + 1)),
        ],
        "join inputs": [
            f"{op.name.lower()} {fmt.name.lower()} {inputs}"
            for op, fmt, inputs in product(ReduceOp, _EVERY.mesh.formats, sets)
        ],
        "meeting": list(MEETINGS),
    }


def observe_places(expected: Expected) -> Iterator[str]:
    """The bins that a case hits by its programs. What a program makes meet is known to have met on
    our own hardware only, where the case fails otherwise.
    """
    for program in expected.programs.values():
        for queue, code in program.queues.items():
            yield from _loops(queue, code)
    if expected.case.kind == "meetings":
        yield from (f"meeting/{name}" for name in expected_meetings(expected.case.numbers))


def observe_joins(f: Mapping[str, int]) -> Iterator[str]:
    """The bins that a REDUCE hits by the routers on its way."""
    rectangle = Rectangle(*(f[field] for field in Rectangle._fields))
    what = f"{ReduceOp(f['op']).name.lower()} {Format(f['fmt']).name.lower()}"
    for inputs in join_sets(rectangle, (f["target_x"], f["target_y"])):
        yield f"join inputs/{what} {_set(inputs)}"


def _set(inputs: frozenset[Port]) -> str:
    return " ".join(port.name.lower() for port in sorted(inputs))


def _bits(rounds: int) -> str:
    return f"of {rounds.bit_length()} bits"


def _loops(queue: Queue, code: list[Instruction]) -> Iterator[str]:
    depth = 0
    for instruction in code:
        if instruction.opcode == Opcode.LOOP:
            depth += 1
            yield f"loop/{queue.name.lower()} nested {min(depth, LOOP_DEPTH)}"
            if instruction["rs"]:
                yield "loop rounds/from a register"
            else:
                rounds = instruction["imm"]
                yield "loop rounds/from imm"
                yield f"loop rounds/{rounds if rounds < 3 else '3 and more'}"
                if 2 < rounds.bit_length() <= LONGEST + 1:
                    yield f"loop rounds/{_bits(rounds)}"
        elif instruction.opcode == Opcode.END:
            depth -= 1
