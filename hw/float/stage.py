"""What the stages of a pipeline are made of.

A stage is described under the condition that it advances::

    with m.If(advance):
        late = registered(m, first_stage(m, a, b), "late")

which isolates idle stages, and lets a simulator branch around them.
"""

from typing import TypeVar

from amaranth import Module, Shape, ShapeLike, Signal, Value

__all__ = ["registered", "scratch"]

Fields = TypeVar("Fields", bound=tuple)


def scratch(shape: ShapeLike, name: str) -> Signal:
    """Make a signal for an intermediate value, combinational and of no interest while its stage
    does not advance.

    Its value is not 0 then: simulators make masks of conditions that choose between a value and 0,
    and compute every value in every cycle.
    """
    return Signal(shape, name=name, init=5 % (1 << Shape.cast(shape).width))


def registered(m: Module, fields: Fields, name: str) -> Fields:
    """Return the named tuple `fields` as it was at the last clock edge under the current
    condition.
    """
    copies = [
        Signal(len(value), name=f"{name}_{field}", reset_less=True)
        for field, value in zip(fields._fields, map(Value.cast, fields), strict=True)
    ]
    m.d.sync += [copy.eq(value) for copy, value in zip(copies, fields, strict=True)]
    return type(fields)(*copies)
