"""How large a VCD is, and what it holds, without keeping it in memory."""

import re
from mmap import ACCESS_READ, mmap
from pathlib import Path

from waves.read.plain import plain

__all__ = ["cycles_of", "header_bytes", "most_bytes_per_cycle"]

_TIMES = 2 * len("#1234567890\n")
"""Both clock edges of a cycle."""


def most_bytes_per_cycle(vcd: Path) -> int:
    """Bytes that a cycle takes at most: every signal changes. From the declarations of a VCD."""
    most = _TIMES
    with plain(vcd) as text, text.open(encoding="ascii") as lines:
        for line in lines:
            words = line.split()
            if words[:1] == ["$enddefinitions"]:
                break
            if words[:1] == ["$var"]:
                bits, code = int(words[2]), words[3]
                # A bit and its code; or b, the bits, a space and the code.
                most += len(code) + 1 + (1 if bits == 1 else bits + 2)
    return most


def header_bytes(vcd: Path) -> int:
    """Bytes of the declarations and of the first cycle, in which every signal has a value, as plain
    text.
    """
    read, times = 0, 0
    with plain(vcd) as text, text.open("rb") as lines:
        for line in lines:
            times += line.startswith(b"#")
            if times == 2:
                break
            read += len(line)
    return read


def cycles_of(vcd: Path) -> tuple[int, int]:
    """First and last cycle that a VCD shows.

    Raises
    ------
    ValueError
        If it does not show the signal ``cycle``.
    """
    with (
        plain(vcd) as file,
        file.open("rb") as opened,
        mmap(opened.fileno(), 0, access=ACCESS_READ) as text,
    ):
        code = re.search(rb"\$var wire 32 (\S+) cycle ", text)
        if code is None:
            raise ValueError(f"{vcd} has no signal cycle")
        change = rb"^b([01]+) " + re.escape(code[1]) + rb"$"
        first = re.search(change, text, re.MULTILINE)
        if first is None:
            raise ValueError(f"{vcd} shows no cycle")
        tail = re.findall(change, text[-(1 << 20) :], re.MULTILINE)
        last = tail[-1] if tail else re.findall(change, text, re.MULTILINE)[-1]
        return int(first[1], 2), int(last, 2)
