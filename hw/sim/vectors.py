"""C++ expressions on vectors, for `hw.sim.lanes`: a value of up to 32 bits is a ``V32``, one of up
to 64 a ``V64``, and its upper bits are 0.
"""

from collections.abc import Iterator

__all__ = ["at", "constant", "converted", "masked", "runs", "truth", "type_of", "wide"]


def wide(bits: int) -> bool:
    """Whether a value has more than 32 bits."""
    if bits > 64:
        raise NotImplementedError(f"A value of {bits} bits in lanes")
    return bits > 32


def type_of(bits: int) -> str:
    """The type of a value of so many bits."""
    return "V64" if wide(bits) else "V32"


def constant(value: int, bits: int) -> str:
    """A number for all copies."""
    return f"{value:#x}u" + "ll" * wide(bits)


def masked(text: str, bits: int) -> str:
    """The low bits of an expression."""
    return text if bits in (32, 64) else f"({text}) & {constant((1 << bits) - 1, bits)}"


def converted(text: str, bits: int, to: int) -> str:
    """An expression of the type of a value of `bits`, in that of one of `to`."""
    if wide(bits) == wide(to):
        return text
    return f"__builtin_convertvector({text}, {type_of(to)})"


def at(array: str, bits: int) -> str:
    """The numbers of the copies from k on."""
    return f"*reinterpret_cast<{type_of(bits)}*>(&{array}[k])"


def truth(text: str, bits: int) -> str:
    """0 or 1 of a comparison of values of so many bits."""
    if wide(bits):
        return f"({converted(f'({text})', bits, 1)} & 1u)"
    return f"(V32(-({text})))"


def runs(nets: list[tuple[str, int] | None]) -> Iterator[tuple[int, int, bool]]:
    """Pieces of a value whose bits are these bits of names, None where there is none: where one
    begins, how many bits it has, and whether they are the same one many times.
    """
    place = 0
    while place < len(nets):
        first, end = nets[place], place + 1
        if first is None:
            place = end
            continue
        name, bit = first
        while end < len(nets) and nets[end] == (name, bit + end - place):
            end += 1
        repeated = False
        repeated = end == place + 1 and nets[end : end + 1] == [first]
        while repeated and nets[end : end + 1] == [first]:
            end += 1
        yield place, end - place, repeated
        place = end
