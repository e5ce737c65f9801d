"""Places in a mesh: x grows to the east, y to the north, (0, 0) is the south-west tile."""

__all__ = ["TileXY"]

TileXY = tuple[int, int]
"""Column and row of a tile."""
