"""Work that is done in several processes, and that need not be done again: what every set of runs
is done with.
"""

import time
from collections import deque
from collections.abc import Callable, Sequence
from typing import NoReturn, Self

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from isa.errors import UserError
from tb.campaign.child import Lost
from tb.campaign.pools import Finished, Pool, Workers, open_pool
from tb.campaign.store import Store, Task

__all__ = ["Store", "Task", "Workers", "run_tasks"]

SHOWN = 4
"""Running tasks that are named on a terminal."""


def run_tasks(
    tasks: Sequence[Task],
    workers: Workers,
    console: Console,
    *,
    store: Store | None = None,
    failed: Callable[[Task, Exception], dict] | None = None,
    tell: Callable[[dict], str] = lambda result: "",
) -> dict[str, dict]:
    """Run tasks, the first first; the result of each by its name.

    Parameters
    ----------
    store
        Where results are kept. A task that has one there is not run, nor is one that another run is
        at: that one's result is waited for.
    failed
        Makes a result of what a task raised, which is not kept. Without it, the first failure ends
        all.
    tell
        What to say of a result, beside its name, where there is no terminal.

    Raises
    ------
    UserError
        If a task fails, or the scheduler does not answer.
    """
    work = _Work(tasks, store, console, tell)
    if not work.waiting:
        return work.results
    with open_pool(workers) as pool, work:
        if not pool.free:
            console.print("no worker yet: waiting for one", highlight=False)
        while work.waiting or work.running:
            work.submit(pool)
            for task, seconds, result in _ended(pool, work):
                if isinstance(result, Exception):
                    work.release(task)
                    result = failed(task, result) if failed else _fail(task, result)
                else:
                    work.release(task, result)
                work.done(task, result, f"{seconds:.0f} s")
    return work.results


def _fail(task: Task, error: Exception) -> NoReturn:
    if isinstance(error, UserError | Lost):
        raise UserError(f"{task.name}: {error}") from error
    raise error


def _ended(pool: Pool, work: "_Work") -> list[Finished]:
    """What has ended within a second."""
    if work.running:
        return pool.wait(1.0)
    time.sleep(0.5)  # other runs have all that is left, or there is no worker
    return []


class _Work:
    """What is to be done, what is being done, and what has been, with the line that shows it."""

    def __init__(
        self,
        tasks: Sequence[Task],
        store: Store | None,
        console: Console,
        tell: Callable[[dict], str],
    ):
        self._store, self._console, self._tell = store, console, tell
        self._total = len(tasks)
        self.results: dict[str, dict] = {}
        self.waiting: deque[Task] = deque()
        self.running: dict[str, Task] = {}
        for task in tasks:
            found = store.find(task) if store else None
            if found is None:
                self.waiting.append(task)
            else:
                self.results[task.name] = found
        if self.results:
            console.print(
                f"{len(self.results)} of {self._total} kept from an earlier run", highlight=False
            )
        self._bar = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            console=console,
            transient=True,
            disable=not console.is_terminal,
        )
        self._line = self._bar.add_task("starting", total=self._total, completed=len(self.results))

    def __enter__(self) -> Self:
        self._bar.start()
        return self

    def __exit__(self, *exception: object) -> None:
        self._bar.stop()
        for task in self.running.values():
            self.release(task)

    def submit(self, pool: Pool) -> None:
        """Give the pool as many tasks as it takes, of those that nobody else is at."""
        free = pool.free
        for _ in range(len(self.waiting)):
            if free <= 0:
                break
            task = self.waiting.popleft()
            if self._store and not self._store.claim(task):
                self.waiting.append(task)
            elif self._store and (found := self._store.find(task)) is not None:
                self.release(task)
                self.done(task, found, "by another run")
            else:
                self.running[task.name] = task
                pool.submit(task)
                free -= 1
        shown = [*self.running][:SHOWN] + ["..."] * (len(self.running) > SHOWN)
        self._bar.update(self._line, description=" | ".join(shown) or "waiting for others")

    def release(self, task: Task, result: dict | None = None) -> None:
        """Let others see what became of a task."""
        if self._store:
            self._store.release(task, result)

    def done(self, task: Task, result: dict, how: str) -> None:
        """Note a result."""
        self.running.pop(task.name, None)
        self.results[task.name] = result
        self._bar.advance(self._line)
        if not self._console.is_terminal:
            said = ", ".join(part for part in (task.name, self._tell(result), how) if part)
            self._console.print(
                f"{len(self.results)} of {self._total}: {said}", highlight=False, soft_wrap=True
            )
