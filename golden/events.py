"""What happens next: queues that can go on, and flits under way."""

import random
from collections import deque
from collections.abc import Callable, Hashable

__all__ = ["Events"]

_TURN_MOST = 8
"""Instructions a queue executes at most before something else may happen."""


class Events:
    """Calls what is due, one thing after the other, until nothing is left.

    Without a `seed`, queues take turns and what is sent arrives at once. With one, queues and paths
    of the network take turns at random, a queue for a few instructions only.
    """

    def __init__(self, seed: int | None):
        self._random = None if seed is None else random.Random(seed)
        self._ready: deque[Callable[[int | None], None]] = deque()
        self._paths: dict[Hashable, deque[Callable[[], None]]] = {}

    def ready(self, go: Callable[[int | None], None]) -> None:
        """Let a queue go on: ``go(most)`` executes at most that many instructions (None: as many as
        it can).
        """
        self._ready.append(go)

    def send(self, path: Hashable, arrive: Callable[[], None]) -> None:
        """Let something arrive at the end of a path that keeps order."""
        if self._random is None:
            arrive()
        else:
            self._paths.setdefault(path, deque()).append(arrive)

    def run(self) -> None:
        """Run until nobody can go on and nothing is under way."""
        while self._ready or self._paths:
            if self._random is None:
                self._ready.popleft()(None)
                continue
            choice = self._random.randrange(len(self._ready) + len(self._paths))
            if choice < len(self._ready):
                self._ready.rotate(-choice)
                self._ready.popleft()(self._random.randint(1, _TURN_MOST))
                continue
            path = list(self._paths)[choice - len(self._ready)]
            arrive = self._paths[path].popleft()
            if not self._paths[path]:
                del self._paths[path]
            arrive()
