"""Results that are kept by all that they depend on, and who is working on which."""

import fcntl
import hashlib
import inspect
import json
import os
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

from tb.files import write_json
from tb.sources import digest

__all__ = ["Store", "Task", "key"]


@dataclass(frozen=True)
class Task:
    """A named call that returns a dict of plain values."""

    name: str
    call: Callable[..., dict]
    arguments: dict[str, Any] = field(default_factory=dict)
    files: tuple[Path, ...] = ()
    """Files of the user that the call reads."""


def key(task: Task) -> str:
    """What a task's result depends on, as 20 hex digits: the `sources` of the module that its call
    is in, the arguments, and the content of its files.
    """
    call = task.call
    what = f"{_digest(inspect.getfile(call))} {call.__module__}.{call.__qualname__} "
    what += repr(sorted(task.arguments.items()))
    total = hashlib.sha256(what.encode())
    for path in task.files:
        total.update(hashlib.sha256(path.read_bytes()).digest())
    return total.hexdigest()[:20]


@cache
def _digest(module: str) -> str:
    return digest(Path(module))


class Store:
    """A folder of results, which any number of runs may use at a time.

    Parameters
    ----------
    folder
        Made when it is needed.
    worth
        Whether a result is kept.
    fresh
        Take nothing that was there before; what is made now is kept all the same.
    """

    def __init__(
        self,
        folder: Path,
        worth: Callable[[dict], bool] = lambda result: True,
        *,
        fresh: bool = False,
    ):
        self._folder, self._worth, self._fresh = folder, worth, fresh
        self._held: dict[str, int] = {}
        self._made: set[str] = set()

    def find(self, task: Task) -> dict | None:
        """The result of a task, if it is kept."""
        name = key(task)
        if self._fresh and name not in self._made:
            return None
        try:
            return json.loads(self._path(name).read_text())
        except OSError:
            return None

    def claim(self, task: Task) -> bool:
        """Whether this run is to do a task; if not, another one is doing it now.

        A claim ends with `release`, or with the process that has it, however that ends.
        """
        name = key(task)
        if name in self._held:
            return False
        path = self._path(name).with_suffix(".lock")
        path.parent.mkdir(parents=True, exist_ok=True)
        lock = os.open(path, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o644)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            # Whoever had it before may have removed the file between the two calls.
            ours = path.exists() and os.fstat(lock).st_ino == path.stat().st_ino
        except OSError:
            ours = False
        if ours:
            self._held[name] = lock
        else:
            os.close(lock)
        return ours

    def release(self, task: Task, result: dict | None = None) -> None:
        """End a claim, and keep the result if there is one that is worth it."""
        name = key(task)
        if result is not None and self._worth(result):
            write_json(self._path(name), result, indent=None)
            self._made.add(name)
        if (lock := self._held.pop(name, None)) is not None:
            self._path(name).with_suffix(".lock").unlink(missing_ok=True)
            os.close(lock)

    def _path(self, name: str) -> Path:
        return self._folder / f"{name}.json"
