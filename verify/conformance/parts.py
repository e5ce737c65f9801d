"""Programs that are too long for a small mesh, in parts: ``waits 1/2`` is the first of two."""

from collections.abc import Iterator

__all__ = ["part_of", "parts_of"]


def parts_of(topic: str, count: int) -> Iterator[str]:
    """The names of so many parts; of one, the topic alone."""
    if count <= 1:
        yield topic
    else:
        yield from (f"{topic} {number}/{count}" for number in range(1, count + 1))


def part_of(about: str) -> tuple[str, slice]:
    """Topic, and which of all that belongs to it are in the part."""
    topic, _, of = about.partition(" ")
    part, _, parts = (of or "1/1").partition("/")
    return topic, slice(int(part) - 1, None, int(parts))
