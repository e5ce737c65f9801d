"""Pipeline registers for the tuples of values that arithmetic stages hand on."""

from typing import TypeVar

from amaranth import Module, Shape, Signal, Value

__all__ = ["registered"]

Fields = TypeVar("Fields", bound=tuple)


def registered(m: Module, en: Value, fields: Fields, name: str) -> Fields:
    """Return the named tuple `fields` as it was at the last edge with `en`."""
    copies = [
        Signal(Shape.cast(value.shape()), name=f"{name}_{field}", reset_less=True)
        for field, value in zip(fields._fields, map(Value.cast, fields), strict=True)
    ]
    with m.If(en):
        m.d.sync += [copy.eq(value) for copy, value in zip(copies, fields, strict=True)]
    return type(fields)(*copies)
