"""Where tasks are done: in processes of this machine, or on a Dask cluster."""

from collections import Counter
from multiprocessing.connection import wait
from typing import NamedTuple, Protocol, Self

from tb.campaign.child import Child, Lost
from tb.campaign.store import Task

__all__ = ["Finished", "Pool", "Workers", "open_pool"]

ATTEMPTS = 3
"""How often a task is started whose process ends before it does."""


class Workers(NamedTuple):
    """Who does the work."""

    jobs: int = 1
    """Processes of this machine."""
    scheduler: str = ""
    """Address of a Dask scheduler, whose workers do it instead: as many tasks at a time as these
    have threads.
    """

    @property
    def known(self) -> int:
        """Processes; 0 if a scheduler has them."""
        return 0 if self.scheduler else self.jobs


class Finished(NamedTuple):
    """A task that has ended."""

    task: Task
    seconds: float
    result: dict | Exception
    """What it gave or raised; `Lost` if again and again the process that ran it has ended."""


class Pool(Protocol):
    """A context, at whose end whatever is still running is stopped."""

    @property
    def free(self) -> int:
        """How many more tasks it would start now."""

    def submit(self, task: Task) -> None:
        """Start a task."""

    def wait(self, seconds: float) -> list[Finished]:
        """The tasks that have ended since the last call, after `seconds` at most."""

    def __enter__(self) -> Self: ...

    def __exit__(self, *exception: object) -> None: ...


def open_pool(workers: Workers) -> Pool:
    """The pool of these workers.

    Raises
    ------
    UserError
        If the scheduler does not answer.
    """
    if workers.scheduler:
        from tb.campaign.cluster import Cluster  # its imports take a second

        return Cluster(workers.scheduler)
    return Processes(workers.jobs)


class Processes:
    """A `Pool` of processes of this machine. They are started when they are needed, and stay."""

    def __init__(self, jobs: int) -> None:
        self._jobs = jobs
        self._idle: list[Child] = []
        self._busy: dict[Child, Task] = {}
        self._lost: Counter[str] = Counter()

    @property
    def free(self) -> int:
        """See `Pool`."""
        return self._jobs - len(self._busy)

    def submit(self, task: Task) -> None:
        """See `Pool`."""
        child = self._idle.pop() if self._idle else Child()
        self._busy[child] = task
        child.give(task)

    def wait(self, seconds: float) -> list[Finished]:
        """See `Pool`."""
        of = {child.connection: child for child in self._busy}
        ended = []
        for ready in wait(list(of), seconds):
            child = of[ready]  # type: ignore[index]  # we gave it connections only
            task = self._busy.pop(child)
            try:
                ended.append(Finished(task, *child.take()))
                self._idle.append(child)
            except Lost as error:
                self._lost[task.name] += 1
                if self._lost[task.name] < ATTEMPTS:
                    self.submit(task)
                else:
                    ended.append(Finished(task, 0.0, error))
        return ended

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        for child in (*self._idle, *self._busy):
            child.kill()
