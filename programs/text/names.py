"""Names that a program text defines, and the numbers that stand where they are used."""

import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from isa.errors import meant
from isa.geometry import TileXY
from isa.instructions import REGISTERS, EdgePort, Format, ReduceOp
from isa.machine import Machine

__all__ = ["Names", "in_words_of", "is_number"]

_NAME = r"[A-Za-z_]\w*(?:\[\d+\])?"
_WHOLE = r"0[xX][0-9a-fA-F]+|\d+"
_SUM = re.compile(r"[+-]?[^+-]+(?:[+-][^+-]+)*")
_HERE = ("x", "y", "columns", "rows")
"""What every tile knows: its own place, and the mesh."""
_TAKEN = {
    *_HERE,
    *(member.name.lower() for words in (Format, EdgePort, ReduceOp) for member in words),
    *(f"r{register}" for register in range(REGISTERS)),
}


_MOST_TAG = (1 << 8) - 1
_GIVEN_BY = {
    **dict.fromkeys(("wait0_sem", "wait0_count", "wait1_sem", "wait1_count"), "wait"),
    **dict.fromkeys(("sig0_sem",), "signal"),
    **dict.fromkeys(("sig1_sem", "sig1_x", "sig1_y"), "remote"),
    **dict.fromkeys(("x0", "y0", "x1", "y1"), "rect"),
    **dict.fromkeys(("target_x", "target_y"), "target"),
}
"""The word of an instruction that gives a field, where it has another name."""


def in_words_of(said: str, filled: str) -> Callable[[str], str]:
    """What turns a message about a `filled` line into one about the line that the user `said`."""
    pairs = list(zip(said.split(), filled.split(), strict=False))

    def turn(message: str) -> str:
        for theirs, ours in pairs:
            if message.startswith(f"{ours}:"):
                return theirs + message.removeprefix(ours)
        field_name = found[1] if (found := re.search(r" field (\w+) must be", message)) else ""
        names = {field_name, _GIVEN_BY.get(field_name, field_name)}
        if field_name.startswith("sig1"):
            names.add("signal")
        given = (theirs for theirs, _ in pairs if field_name and theirs.split("=")[0] in names)
        word = next(given, "")
        return f"{word}: {message}" if word else message

    return turn


def is_number(text: str) -> bool:
    """Whether it is a decimal or hexadecimal number, whole or not."""
    try:
        float(text)
    except ValueError:
        return re.fullmatch(rf"[+-]?(?:{_WHOLE})", text) is not None
    return True


@dataclass
class Names:
    """What the names of a text stand for: whole numbers, or the text of one that is not.

    Sums and products of whole numbers and names may stand wherever a number may.
    """

    machine: Machine
    kinds: dict[str, dict[str, int | str]] = field(default_factory=dict)
    """Directive (``constant``, ``semaphore`` ...) to what it has named."""
    _lines: dict[str, int] = field(default_factory=dict)
    _values: dict[str, int | str] = field(default_factory=dict)

    def define(self, kind: str, words: list[str], line: int) -> None:
        """Take a directive's name and value.

        Raises
        ------
        ValueError
            If the name is no name, means something already, or the value is no number.
        """
        if len(words) != 2:
            raise ValueError(f".{kind} must be followed by a name and a number")
        name, text = words
        if not re.fullmatch(_NAME, name) or name in _TAKEN:
            raise ValueError(
                f"{name!r} cannot be a name: it must be letters, digits and _ (or NAME[0]) and no "
                "format, edge, operation or register, nor x, y, columns or rows"
            )
        if name in self._lines:
            raise ValueError(f"{name!r} is already defined in line {self._lines[name]}")
        fraction = kind == "constant" and "." in text and is_number(text)
        value = text if fraction else self.number(text)
        if kind != "constant":
            self._check(kind, name, int(value))
        self._lines[name], self._values[name] = line, value
        self.kinds.setdefault(kind, {})[name] = value

    def _check(self, kind: str, name: str, value: int) -> None:
        """Refuse what no instruction could hold, and a second name for one thing."""
        most = {
            "semaphore": (self.machine.tile.semaphores - 1, "the tile's semaphores"),
            "tag": (_MOST_TAG, "a byte"),
            "address": (self.machine.channel_words - 1, "words of an HBM channel"),
        }
        last, what = most[kind]
        if not 0 <= value <= last:
            raise ValueError(f"{kind} {name} must be from 0 to {last} ({what}), not {value}")
        other = self.called(kind).get(value)
        if kind != "address" and other:
            raise ValueError(
                f"{kind} {value} is already {other!r} in line {self._lines[other]}: must be "
                f"another number (.constant {name} {other} gives it a second name)"
            )

    def called(self, kind: str) -> dict[int, str]:
        """Number to name, of a kind."""
        return {int(value): name for name, value in self.kinds.get(kind, {}).items()}

    def number(self, text: str, here: TileXY | None = None) -> int:
        """The whole number that an expression stands for, in a tile or outside all of them.

        Raises
        ------
        ValueError
            If there is none.
        """
        if not _SUM.fullmatch(text):
            raise ValueError(f"{text!r} must be a whole number or a name")
        total = 0
        for sign, term in re.findall(r"([+-]?)([^+-]+)", text):
            product = math.prod(self._factor(factor, here) for factor in term.split("*"))
            total += -product if sign == "-" else product
        return total

    def fill(self, line: str, here: TileXY) -> str:
        """An instruction with numbers for all names."""
        mnemonic, *words = line.split()
        return " ".join([mnemonic, *(self._word(word, here) for word in words)])

    def _word(self, word: str, here: TileXY) -> str:
        field_name, given, value = word.partition("=")
        if not given:
            return word
        try:
            pieces = re.sub(r"[^:,@]+", lambda piece: self._piece(piece[0], here), value)
        except ValueError as error:
            raise ValueError(f"{word}: {error}") from None
        return f"{field_name}={pieces}"

    def _piece(self, piece: str, here: TileXY) -> str:
        register = found[0] if (found := re.search(r"\+r\d+\Z", piece)) else ""
        base = piece.removesuffix(register)
        if not base or is_number(base) or base in _TAKEN.difference(_HERE):
            return piece
        value = self._values.get(base)
        return f"{value if isinstance(value, str) else self.number(base, here)}{register}"

    def _factor(self, text: str, here: TileXY | None) -> int:
        if re.fullmatch(_WHOLE, text):
            return int(text, 16 if "x" in text.lower() else 10)
        if not re.fullmatch(_NAME, text):
            raise ValueError(f"{text!r} must be a whole number or a name")
        known = self._known(here)
        if text not in known:
            raise ValueError(f"unknown name {text!r}: {meant(text, known)}")
        value = known[text]
        if isinstance(value, str):
            raise ValueError(f"{text!r} is {value}: must be a whole number")
        return value

    def _known(self, here: TileXY | None) -> Mapping[str, int | str]:
        mesh = self.machine.mesh
        place = {} if here is None else {"x": here[0], "y": here[1]}
        return {**self._values, "columns": mesh.columns, "rows": mesh.rows, **place}
