"""Numbers for the semaphores of a tile."""

from collections.abc import Sequence

from isa.errors import UserError
from isa.machine import Tile

__all__ = ["SemaphoreNumbers"]


class SemaphoreNumbers:
    """Numbers of a tile's semaphores, by name and by stream, slot or strip.

    Raises
    ------
    UserError
        If the tile has too few.
    """

    def __init__(self, tile: Tile, dataflow: str, names: Sequence[tuple[str, int]]):
        if len(names) > tile.semaphores:
            raise UserError(
                f"{dataflow} needs {len(names)} semaphores a tile, the machine has "
                f"{tile.semaphores}"
            )
        self._numbers = {name: number for number, name in enumerate(names)}

    def __call__(self, name: str, index: int = 0) -> int:
        """Give the number of a semaphore."""
        return self._numbers[name, index]

    @property
    def names(self) -> dict[int, str]:
        """Name of each number, for messages."""
        return {number: f"{name}[{index}]" for (name, index), number in self._numbers.items()}
