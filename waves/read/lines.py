"""Is a VCD whole? Looks at every line before a reader does, so that damage is reported by line and
never misread.
"""

import re
from collections.abc import Iterator
from pathlib import Path

from isa.errors import UserError

__all__ = ["check_lines"]

_SCOPE = re.compile(r"\$scope\s+\w+\s+[!-~]+\s+\$end", re.ASCII)
_UPSCOPE = re.compile(r"\$upscope\s+\$end")
_VAR = re.compile(
    r"\$var\s+(?P<type>\w+)\s+(?P<width>[1-9][0-9]*)\s+(?P<code>[!-~]+)\s+[!-~]+?"
    r"(\s*\[(?P<high>-?[0-9]+):(?P<low>-?[0-9]+)\]|\s+\[-?[0-9]+\])?\s+\$end",
    re.ASCII,
)
_NUMBERS = ("real", "realtime", "shortreal", "string")
"""Types of signals that have no bits."""
_TEXT = ("$date", "$version", "$timescale", "$comment", "$attrbegin", "$attrend")
"""What may go over several lines, up to a ``$end``."""
_DUMPS = {"$dumpvars", "$dumpall", "$dumpon", "$dumpoff", "$end"}
_SHOWN = 40
"""Characters of a damaged line that a message shows."""

_Lines = Iterator[tuple[int, str]]


def check_lines(path: Path) -> None:
    """See that a file is a VCD from the first line to the last: known signals, binary values that
    fit, time that goes on. It is `plain`; its last line may have no end.

    Raises
    ------
    UserError
        With the line's number and what is there.
    """
    with path.open(encoding="ascii") as file:
        start = file.read(1024).lstrip()
        if not start:
            raise UserError("the file is empty")
        if not start.startswith("$"):
            raise UserError(f"not a VCD: it starts with {_show(start.splitlines()[0])}")
        file.seek(0)
        lines = enumerate(file, 1)
        try:
            _check_values(lines, _check_header(lines))
        except UserError:
            if next(lines, None):
                raise
            file.seek(0)
            number, line = max(enumerate(file, 1))
            if line.endswith("\n"):
                raise
            cut = f"truncated: it ends in the middle of line {number}, {_show(line)}"
            raise UserError(cut) from None


def _check_header(lines: _Lines) -> dict[str, int]:
    """Read up to the end of the declarations; return the width of each identifier code, 0 if it has
    no bits.
    """
    number = depth = 0
    widths: dict[str, int] = {}
    for number, line in lines:
        text = line.strip()
        if text.startswith("$enddefinitions"):
            if depth:
                raise UserError(
                    f"line {number}: the declarations end within a scope, $upscope is missing"
                )
            return widths
        if _SCOPE.fullmatch(text):
            depth += 1
        elif depth and _UPSCOPE.fullmatch(text):
            depth -= 1
        elif match := _VAR.fullmatch(text):
            widths[match["code"]] = 0 if match["type"] in _NUMBERS else int(match["width"])
            if match["high"] and abs(int(match["high"]) - int(match["low"])) + 1 != int(
                match["width"]
            ):
                raise UserError(f"line {number}: the range and the width in {_show(line)} differ")
        elif text.startswith(_TEXT):
            _skip(lines, number, text)
        elif text:
            raise UserError(f"line {number}: {_show(line)} is not a declaration")
    raise UserError(f"truncated: it ends in line {number}, within the declarations")


def _skip(lines: _Lines, number: int, text: str) -> None:
    """Read on to the ``$end`` of what began in this line."""
    begun, opened = number, text.split()[0]
    while "$end" not in text.split():
        number, line = next(lines, (number, None))
        if line is None:
            raise UserError(
                f"truncated: it ends in line {number}, within the {opened} of line {begun}"
            )
        text = line


def _check_values(lines: _Lines, widths: dict[str, int]) -> None:
    """Read to the end. The usual lines are looked at in the loop itself: there are millions."""
    time, number, line = -1, 0, "\n"
    for number, line in lines:
        head = line[0]
        if head in "01" and line[1:-1] in widths:
            continue
        if head == "b":
            digits, _, code = line[1:-1].partition(" ")
            if len(digits) <= widths.get(code, 0) and digits and not digits.strip("01"):
                continue
        if head == "#":
            time = _check_time(number, line, time, widths)
        elif head == "$":
            _check_command(lines, number, line.strip())
        elif line.strip():
            _check_change(number, line, line.split(), widths)
    if line[0] in "01b" and line[-1] != "\n":  # the loop left out its last character
        _check_change(number, line, line.split(), widths)


def _check_time(number: int, line: str, time: int, widths: dict[str, int]) -> int:
    """A time, and the changes of single bits that may follow it in its line; return the time."""
    text, *changes = line[1:].split() or [""]
    if not (text.isascii() and text.isdigit()):
        raise UserError(f"line {number}: {_show(line)} is not a time")
    if int(text) < time:
        raise UserError(f"line {number}: the time goes back from {time} to {text}")
    for change in changes:
        _check_change(number, line, [change], widths)
    return int(text)


def _check_command(lines: _Lines, number: int, text: str) -> None:
    if text.startswith("$comment"):
        _skip(lines, number, text)
    elif not _DUMPS.issuperset(text.split()):
        raise UserError(f"line {number}: {_show(text)} is not a value change")


def _check_change(number: int, line: str, words: list[str], widths: dict[str, int]) -> None:
    """A change of any kind, which `words` are of that line."""
    head, digits = words[0][0].lower(), words[0][1:]
    if head in "01xz" and len(words) == 1:
        value, code = head, digits
    elif head in "brs" and len(words) == 2:
        value, code = digits.lower(), words[1]
    else:
        raise UserError(f"line {number}: {_show(line)} is not a value change")
    if code not in widths:
        raise UserError(
            f"line {number}: {_show(line)} changes a signal {_show(code)} that is not declared"
        )
    if head in "rs" and not widths[code]:
        return
    if head in "rs" or not value or value.strip("01xz"):
        raise UserError(f"line {number}: the value in {_show(line)} is not binary")
    if len(value) > widths[code]:
        raise UserError(
            f"line {number}: a value of {len(value)} bits for a signal of {widths[code]}, "
            f"{_show(line)}"
        )


def _show(text: str) -> str:
    text = text.strip()
    return repr(text if len(text) <= _SHOWN else text[:_SHOWN] + "...")
