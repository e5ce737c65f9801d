"""Numbers in sentences."""

__all__ = ["counted"]


def counted(count: int, one: str, many: str = "") -> str:
    """``1 run``, ``1,000 runs``; `many` where it is not `one` with an s."""
    return f"{count:,} {one if count == 1 else many or one + 's'}"
