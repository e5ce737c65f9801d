"""Traces: what a queue of a tile does, one operation after the other, before it is rolled into
loops.

A tile's trace says which loader it signals or which channel it reads by name (`Ref`), not by
number, so that all tiles that do the same thing share one trace and one rolled program; the names
get their values when the program is instantiated.
"""

from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from typing import NamedTuple

from isa.instructions import COMMON, LAYOUTS, Instruction, Opcode, SignalKind, kind_of

__all__ = ["Instantiator", "Op", "Ref", "Shape", "Signal", "Trace", "address_fields"]

_MOST_COUNT = 63
"""Largest count one wait can name."""
_WAITS = 2


class Ref(NamedTuple):
    """A number that is known per tile only: the value of `name`, plus `offset`."""

    name: str
    offset: int = 0


class Signal(NamedTuple):
    """One count for `semaphore` of this tile, or of the tile at `where` (column and row, each a
    number or a `Ref`).
    """

    semaphore: int
    where: tuple[int | Ref, int | Ref] | None = None


class Shape(NamedTuple):
    """All of an operation but its addresses. Operations of equal shape can be iterations of one
    loop.
    """

    opcode: Opcode
    fields: tuple[tuple[str, int], ...]
    refs: tuple[tuple[str, str], ...] = ()
    """Fields to which the value of a name is added."""


class Op(NamedTuple):
    """An operation: `at` holds the value of each of its `address_fields`, `registers` the register
    added to each, if any.
    """

    shape: Shape
    at: tuple[int, ...] = ()
    registers: tuple[int, ...] = ()


@cache
def address_fields(opcode: Opcode) -> tuple[str, ...]:
    """Fields that have a register to go with them."""
    layout = [field.name for field in LAYOUTS[kind_of(opcode)]]
    return tuple(name for name in layout if f"{name}_reg" in layout)


@cache
def _field_names(opcode: Opcode) -> frozenset[str]:
    return frozenset(field.name for field in (*COMMON, *LAYOUTS[kind_of(opcode)]))


class Trace:
    """Operations of one queue, in order.

    Traces that are given the same `interned` hold equal operations as one object.
    """

    def __init__(self, interned: dict[Op, Op] | None = None) -> None:
        self.ops: list[Op] = []
        self._interned = {} if interned is None else interned

    def add(
        self,
        opcode: Opcode,
        *,
        waits: Iterable[tuple[int, int]] = (),
        signals: Iterable[Signal] = (),
        **fields: int | Ref,
    ) -> None:
        """Append an operation; what its two waits cannot hold becomes SYNCs in front of it.

        Parameters
        ----------
        opcode
            SYNC or an engine's opcode.
        waits
            (semaphore, count) of each wait; a count of 0 is no wait.
        signals
            At most two, at most one of them remote.
        fields
            Operands by the name of their field.

        Raises
        ------
        ValueError
            If a field does not exist, or the signals do not fit.
        """
        parts = [(semaphore, part) for semaphore, count in waits for part in _parts(count)]
        while len(parts) > _WAITS:
            self._append(Opcode.SYNC, parts[:_WAITS], (), {})
            parts = parts[_WAITS:]
        self._append(opcode, parts, tuple(signals), fields)

    def _append(
        self,
        opcode: Opcode,
        waits: list[tuple[int, int]],
        signals: tuple[Signal, ...],
        operands: Mapping[str, int | Ref],
    ) -> None:
        names = address_fields(opcode)
        at = [0] * len(names)
        fields: dict[str, int] = {}
        refs: dict[str, str] = {}
        for name, value in (*operands.items(), *_wait_fields(waits), *_signal_fields(signals)):
            if isinstance(value, Ref):
                refs[name] = value.name
                value = value.offset
            if name in names:
                at[names.index(name)] = value
            elif name not in _field_names(opcode):
                raise ValueError(f"{opcode.name} has no field {name!r}")
            elif value:
                fields[name] = int(value)
        shape = Shape(opcode, tuple(sorted(fields.items())), tuple(sorted(refs.items())))
        op = Op(shape, tuple(at))
        self.ops.append(self._interned.setdefault(op, op))


def _parts(count: int) -> list[int]:
    whole, rest = divmod(count, _MOST_COUNT)
    return [_MOST_COUNT] * whole + [rest] * (rest > 0)


def _wait_fields(waits: list[tuple[int, int]]) -> list[tuple[str, int]]:
    fields = []
    for i, (semaphore, count) in enumerate(waits):
        fields += [(f"wait{i}_sem", semaphore), (f"wait{i}_count", count)]
    return fields


def _signal_fields(signals: tuple[Signal, ...]) -> list[tuple[str, int | Ref]]:
    """Place the signals: the first field takes local ones only, so a remote one goes second."""
    remote = [signal for signal in signals if signal.where]
    local = [signal for signal in signals if not signal.where]
    first, second = local[:1], (remote + local[1:])
    if len(second) > 1:
        raise ValueError("at most two signals, one of them remote, fit into an instruction")
    fields: list[tuple[str, int | Ref]] = []
    for signal in first:
        fields += [("sig0_on", 1), ("sig0_sem", signal.semaphore)]
    for signal in second:
        fields += [
            ("sig1_kind", SignalKind.REMOTE if signal.where else SignalKind.LOCAL),
            ("sig1_sem", signal.semaphore),
        ]
        fields += zip(("sig1_x", "sig1_y"), signal.where or (), strict=False)
    return fields


class Instantiator:
    """Instructions of rolled programs, with a value for every `Ref`.

    Tiles share the instructions that are the same: one object each.
    """

    def __init__(self) -> None:
        self._ops: dict[Op, Op] = {}
        self._templates: dict[int, _Template] = {}
        self._made: dict[tuple[int, ...], Instruction] = {}

    def __call__(self, ops: Sequence[Op], values: Mapping[str, int]) -> list[Instruction]:
        """Instructions of a program; `ops` must not change afterwards."""
        template = self._templates.get(id(ops))
        if template is None:
            template = self._templates[id(ops)] = self._template(ops)
        code = list(template.code)
        for place, op in template.open:
            code[place] = self._instruction(op, values)
        return code

    def _template(self, ops: Sequence[Op]) -> "_Template":
        interned = [self._ops.setdefault(op, op) for op in ops]
        placed = [(place, op) for place, op in enumerate(interned) if op.shape.refs]
        halt = Instruction.of(Opcode.HALT)
        code = [halt if op.shape.refs else self._instruction(op, {}) for op in interned]
        return _Template(ops, code, placed)

    def _instruction(self, op: Op, values: Mapping[str, int]) -> Instruction:
        key = (id(op), *[values[ref] for _, ref in op.shape.refs])
        found = self._made.get(key)
        if found is None:
            found = self._made[key] = _instruction(op, values)
        return found


class _Template(NamedTuple):
    """A program as far as it is the same in all tiles, and the operations that are not, with their
    places. `ops`, by whose identity it is found, must live as long.
    """

    ops: Sequence[Op]
    code: list[Instruction]
    open: list[tuple[int, Op]]


def _instruction(op: Op, values: Mapping[str, int]) -> Instruction:
    shape = op.shape
    names = address_fields(shape.opcode)
    fields = dict(shape.fields) | dict(zip(names, op.at, strict=True))
    for name, ref in shape.refs:
        fields[name] = fields.get(name, 0) + values[ref]
    for name, register in zip(names, op.registers, strict=False):
        fields[f"{name}_reg"] = register
    return Instruction.of(shape.opcode, **fields)
