"""What a deliberate fault is."""

from dataclasses import dataclass

__all__ = ["MUTANT", "Mutation"]

MUTANT = "MUTANT"
"""Stands in a replacement for a one-bit value that is 1 while the fault is switched on."""


@dataclass(frozen=True)
class Mutation:
    """One fault: a piece of a source file, and what takes its place.

    With `MUTANT` 0 the replacement must mean the same as the text that it replaces.
    """

    name: str
    what: str
    """What is wrong, as a report says it."""
    file: str
    """Path from the root of the checkout."""
    text: str
    """Occurs exactly once in the file."""
    replacement: str
    cases: tuple[str, ...] = ()
    """Beginnings of the names of cases that are likely to catch it; these are tried first."""

    slow: bool = False
    """It changes cycles and no bits: only a count of cycles shows it."""

    @property
    def area(self) -> str:
        """The folder of ``hw`` it is in."""
        return self.file.split("/")[1]
