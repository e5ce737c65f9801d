"""Coverage bins of ends: declared from the layouts, and hit by what a golden run executed."""

from collections.abc import Iterator
from itertools import product

from golden.recording import Step
from isa.geometry import Rectangle
from isa.instructions import COMMON, OPCODES_OF, Kind, Opcode, Queue
from isa.machine import MACHINES, Machine
from verify.conformance.extremes import (
    FIRST,
    LAST,
    LEAST,
    MOST,
    addresses_of,
    common_ends,
    ends,
    extents,
    fields_of,
    memory_words,
)
from verify.conformance.shapes import ROOTS, root_class

__all__ = ["declare_ends", "observe_ends"]

_SCALARS = (Opcode.LI, Opcode.ADD, Opcode.LOOP)
_COMMON = tuple(
    field.name for field in COMMON if field.name not in ("opcode", "checksum", "reserved")
)


def declare_ends() -> dict[str, list[str]]:
    """Group to its members. Which ends a field has does not depend on the machine."""
    machine = MACHINES["tiny"]
    return {
        "common field": [
            f"{_name(queue)} {name} {end}"
            for queue, name, end in product(Queue, _COMMON, (LEAST, MOST))
        ],
        "scalar field": [
            f"{_name(queue)} {_name(opcode)} {name} {end}"
            for queue, opcode in product(Queue, _SCALARS)
            for name in fields_of(opcode)
            for end in ends(opcode, name, machine)
        ],
        "field": [
            f"{_name(opcode)} {name} {end}"
            for opcodes in OPCODES_OF.values()
            for opcode in opcodes
            for name in fields_of(opcode)
            for end in ends(opcode, name, machine)
        ],
        "waits for one semaphore twice": [_name(queue) for queue in Queue],
        "reduce root": list(ROOTS),
    }


def _name(member) -> str:
    return member.name.lower().replace("_", " ")


def observe_ends(step: Step, machine: Machine) -> Iterator[str]:
    """The bins that an executed instruction hits."""
    f, opcode, queue = step.decoded.fields, step.decoded.opcode, _name(step.queue)
    for name in _COMMON:
        if _means_something(name, f):
            for end in _reached(common_ends(name, machine), f[name]):
                yield f"common field/{queue} {name} {end}"
    waits = step.decoded.waits
    if len(waits) == 2 and waits[0][0] == waits[1][0]:
        yield f"waits for one semaphore twice/{queue}"
    if step.decoded.kind == Kind.SCALAR:
        for name in fields_of(opcode):
            for end in _reached(ends(opcode, name, machine), f[name]):
                yield f"scalar field/{queue} {_name(opcode)} {name} {end}"
        return
    yield from _engine(step, machine)
    if opcode == Opcode.REDUCE:
        members = Rectangle(*(f[name] for name in Rectangle._fields))
        yield f"reduce root/{root_class(members, (f['target_x'], f['target_y']))}"


def _engine(step: Step, machine: Machine) -> Iterator[str]:
    f, opcode = step.decoded.fields, step.decoded.opcode
    pointed = extents(opcode, step.operands, machine.tile)
    for name in fields_of(opcode):
        legal = ends(opcode, name, machine)
        if name in pointed:
            address, words = step.operands[name], memory_words(opcode, name, machine)
            if address == 0:
                yield f"field/{_name(opcode)} {name} {FIRST}"
            if address + pointed[name].span == words:
                yield f"field/{_name(opcode)} {name} {LAST}"
        elif name in addresses_of(opcode) and name != "mask":
            continue  # not used with these flags
        for end in _reached({end: legal[end] for end in (LEAST, MOST)}, f[name]):
            yield f"field/{_name(opcode)} {name} {end}"


def _means_something(name: str, f) -> bool:
    """Whether a common field is looked at: it has a count, or its signal is sent."""
    used = {"wait0": f["wait0_count"], "wait1": f["wait1_count"], "sig0": f["sig0_on"]}
    if name in ("sig0_on", "sig1_kind"):
        return True
    if name in ("sig1_x", "sig1_y"):
        return f["sig1_kind"] == 2
    return bool(used.get(name.split("_")[0], f["sig1_kind"]))


def _reached(legal: dict[str, int], value: int) -> Iterator[str]:
    """The ends at which a value is; none of a field that has one value alone."""
    if len(set(legal.values())) > 1:
        for end, at in legal.items():
            if value == at:
                yield end
