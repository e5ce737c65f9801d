"""Work that is done in several processes, and that need not be done again: what every set of runs
is done with.
"""

import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NoReturn, Self

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from isa.errors import UserError
from tb.campaign.child import Lost
from tb.campaign.pools import Finished, Pool, Workers, open_pool
from tb.campaign.store import Store, Task

__all__ = ["Store", "Task", "TaskBatch", "Workers", "run_tasks"]

SHOWN = 4
"""Running tasks that are named on a terminal."""


@dataclass(frozen=True)
class TaskBatch:
    """Tasks that one process does together, which is less work than one after the other."""

    tasks: tuple[Task, ...]
    call: Callable[[list[dict]], list[dict]] | None = None
    """Takes the arguments of each task and returns their results, those that each task's own call
    would; None: of one task, its call.
    """


def run_tasks(
    tasks: Sequence[Task | TaskBatch],
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
            for done, seconds, result in _ended(pool, work):
                for task, one in work.parts(done, result):
                    if isinstance(one, Exception):
                        work.release(task)
                        one = failed(task, one) if failed else _fail(task, one)
                    else:
                        work.release(task, one)
                    work.done(task, one, f"{seconds:.0f} s")
    return work.results


def _all(call: Callable[[list[dict]], list[dict]], arguments: list[dict]) -> dict:
    """What a process does of a batch."""
    return {"results": call(arguments)}


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
        tasks: Sequence[Task | TaskBatch],
        store: Store | None,
        console: Console,
        tell: Callable[[dict], str],
    ):
        self._store, self._console, self._tell = store, console, tell
        batches = [task if isinstance(task, TaskBatch) else TaskBatch((task,)) for task in tasks]
        self._total = sum(len(batch.tasks) for batch in batches)
        self.results: dict[str, dict] = {}
        self.waiting: deque[TaskBatch] = deque()
        self.running: dict[str, TaskBatch] = {}
        for batch in batches:
            for task in batch.tasks:
                if store and (found := store.find(task)) is not None:
                    self.results[task.name] = found
            self._put_back(batch, [one for one in batch.tasks if one.name not in self.results])
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
        for batch in self.running.values():
            for task in batch.tasks:
                self.release(task)

    def submit(self, pool: Pool) -> None:
        """Give the pool as many tasks as it takes, of those that nobody else is at."""
        free = pool.free
        for _ in range(len(self.waiting)):
            if free <= 0:
                break
            batch = self.waiting.popleft()
            mine = [task for task in batch.tasks if self._claim(task)]
            others = [t for t in batch.tasks if t not in mine and t.name not in self.results]
            self._put_back(batch, others)
            if mine:
                self._submit(pool, TaskBatch(tuple(mine), batch.call))
                free -= 1
        shown = [*self.running][:SHOWN] + ["..."] * (len(self.running) > SHOWN)
        self._bar.update(self._line, description=" | ".join(shown) or "waiting for others")

    def _put_back(self, batch: TaskBatch, tasks: list[Task]) -> None:
        if tasks:
            self.waiting.append(TaskBatch(tuple(tasks), batch.call))

    def _claim(self, task: Task) -> bool:
        """Whether this run is to do a task: nobody else is at it, or has done it by now."""
        if not self._store:
            return True
        if not self._store.claim(task):
            return False
        if (found := self._store.find(task)) is None:
            return True
        self.release(task)
        self.done(task, found, "by another run")
        return False

    def _submit(self, pool: Pool, batch: TaskBatch) -> None:
        first = batch.tasks[0]
        name = (
            f"{first.name} and {len(batch.tasks) - 1} more" if len(batch.tasks) > 1 else first.name
        )
        if batch.call:
            calls = [task.arguments for task in batch.tasks]
            pool.submit(Task(name, _all, {"call": batch.call, "arguments": calls}))
        else:
            pool.submit(first)
        self.running[name] = batch

    def parts(self, done: Task, result: dict | Exception) -> list[tuple[Task, dict | Exception]]:
        """What became of each task of those that have ended."""
        batch = self.running.pop(done.name)
        if isinstance(result, Exception) or not batch.call:
            return [(task, result) for task in batch.tasks]
        return list(zip(batch.tasks, result["results"], strict=True))

    def release(self, task: Task, result: dict | None = None) -> None:
        """Let others see what became of a task."""
        if self._store:
            self._store.release(task, result)

    def done(self, task: Task, result: dict, how: str) -> None:
        """Note a result."""
        self.results[task.name] = result
        self._bar.advance(self._line)
        if not self._console.is_terminal:
            said = ", ".join(part for part in (task.name, self._tell(result), how) if part)
            self._console.print(
                f"{len(self.results)} of {self._total}: {said}", highlight=False, soft_wrap=True
            )
