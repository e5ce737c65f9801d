"""Functions with a piece of their source changed."""

import inspect
import sys
import textwrap
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from unittest.mock import patch

__all__ = ["replaced", "rewritten"]


def rewritten(function: Callable, *changes: tuple[str, str]) -> Callable:
    """The function with each old piece of its source replaced by the new one.

    Raises
    ------
    ValueError
        If its source does not hold an old piece exactly once.
    """
    source = textwrap.dedent(inspect.getsource(function))
    for old, new in changes:
        if source.count(old) != 1:
            raise ValueError(
                f"Fault of {function.__qualname__} must match once, "
                f"not {source.count(old)} times: {old!r}"
            )
        source = source.replace(old, new)
    made: dict = {}
    exec(compile(source, inspect.getfile(function), "exec"), function.__globals__, made)
    return made[function.__name__]


@contextmanager
def replaced(function: Callable, other: Callable) -> Iterator[None]:
    """Let `other` take the place of a method in its class, or of a function wherever it is
    imported.
    """
    owner, _, name = function.__qualname__.rpartition(".")
    holders = (
        [getattr(sys.modules[function.__module__], owner)]
        if owner
        else [m for m in list(sys.modules.values()) if vars(m).get(name) is function]
    )
    with ExitStack() as stack:
        for holder in holders:
            stack.enter_context(patch.object(holder, name, other))
        yield
