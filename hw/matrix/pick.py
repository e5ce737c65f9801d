"""A slice of a wide value, by its number."""

from amaranth import Module, Signal, Value

__all__ = ["pick"]


def pick(m: Module, value: Value, index: Value, width: int) -> Signal:
    """Return slice `index` of `value`, whose slices are `width` bits wide.

    The same as ``value.word_select(index, width)``, which becomes a shift of the whole value that
    simulators do carry out.
    """
    picked = Signal(width)
    with m.Switch(index):
        for number in range(min(len(value) // width, 1 << len(index))):
            with m.Case(number):
                m.d.comb += picked.eq(value[number * width : (number + 1) * width])
    return picked
