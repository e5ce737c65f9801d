"""How far a simulation is, while it runs."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

__all__ = ["following"]


@contextmanager
def following(path: Path, progress: Callable[[int], None] | None) -> Iterator[None]:
    """During the body, tell `progress` now and then the cycle that the bench writes to `path`;
    nothing where there is no memory left for a thread.
    """
    if progress is None:
        yield
        return
    stop = threading.Event()

    def follow():
        while not stop.wait(0.5):
            if path.exists() and (text := path.read_text().strip()):
                progress(int(text))

    thread = threading.Thread(target=follow, daemon=True)
    with suppress(RuntimeError):  # "can't start new thread": a run does without
        thread.start()
    try:
        yield
    finally:
        stop.set()
        if thread.ident is not None:
            thread.join()
