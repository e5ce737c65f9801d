"""What a step of minutes says of itself: that it begins, how long it usually takes, how long it
took.
"""

import contextlib
import multiprocessing
import sys
import time
from collections.abc import Iterator

from isa.words import counted

__all__ = ["ahead", "in_words", "waiting"]


def ahead(what: str, usual: float, jobs: int | None = None) -> None:
    """Say on stderr what a command is about to do and how many seconds it usually takes. With
    `jobs`, `usual` is what one process takes; 0: those of a scheduler, nobody knows how many.
    """
    on = "" if jobs is None else " of one process" if jobs == 0 else ""
    on = f" on {counted(jobs, 'process', 'processes')}" if jobs else on
    print(f"{what}: usually {in_words(max(1.0, usual / (jobs or 1)))}{on}", file=sys.stderr)


@contextlib.contextmanager
def waiting(what: str, usual: float) -> Iterator[None]:
    """Say on stderr that `what` begins and usually takes `usual` seconds, and when it has ended.

    A line each, which a live display of rich moves out of its way; that the step lives is what such
    a display shows. Processes beside the main one say nothing: who started them tells of them.
    """
    alone = multiprocessing.parent_process() is None
    started = time.monotonic()
    if alone:
        print(f"{what} (once; usually {in_words(usual)})", file=sys.stderr, flush=True)
    yield
    if alone:
        took = in_words(time.monotonic() - started)
        print(f"{what}: done after {took}", file=sys.stderr, flush=True)


def in_words(seconds: float) -> str:
    """Seconds as people say them: ``40 s``, ``3 min``, ``2.5 h``."""
    if seconds < 100:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"
