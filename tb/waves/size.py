"""How large a VCD can become."""

from pathlib import Path

__all__ = ["most_bytes_per_cycle"]

_TIMES = 2 * len("#1234567890\n")
"""Both clock edges of a cycle."""


def most_bytes_per_cycle(vcd: Path) -> int:
    """Bytes that a cycle takes at most: every signal changes. From the declarations of a VCD."""
    most = _TIMES
    with open(vcd, encoding="ascii") as lines:
        for line in lines:
            words = line.split()
            if words[:1] == ["$enddefinitions"]:
                break
            if words[:1] == ["$var"]:
                bits, code = int(words[2]), words[3]
                # A bit and its code; or b, the bits, a space and the code.
                most += len(code) + 1 + (1 if bits == 1 else bits + 2)
    return most
