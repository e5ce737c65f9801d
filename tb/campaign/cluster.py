"""Tasks on the workers of a Dask cluster."""

import logging
import queue
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from multiprocessing.connection import wait
from typing import Any, Self

from distributed import Client, Future, get_worker

from isa.errors import UserError
from tb.campaign.child import Child, Lost
from tb.campaign.pools import Finished
from tb.campaign.store import Task, key

__all__ = ["Cluster"]

ANSWER = 5
"""Seconds in which a scheduler has to answer."""
EVERY = 1.0
"""Seconds between two looks at the number of workers, and of a worker at whether the task is still
wanted.
"""


class Cluster:
    """A `tb.campaign.pools.Pool` of all workers that a Dask scheduler has at a time.

    A task that loses its worker is started on another one by the scheduler, which gives up after
    ``distributed.scheduler.allowed-failures``.

    Raises
    ------
    UserError
        If nothing answers at this address, or, of every method, not any more; or if the scheduler
        has not our sources.
    """

    def __init__(self, address: str) -> None:
        self._address = address
        sys.unraisablehook = _said
        for name in ("distributed", "distributed.core", "distributed.client"):
            logging.getLogger(name).setLevel(logging.CRITICAL)  # told in one line below
        try:
            self._client = Client(address, timeout=ANSWER, set_as_default=False)
        except (OSError, ValueError, TimeoutError) as error:
            raise UserError(
                f"SCHEDULER {address}: no Dask scheduler answers within {ANSWER} s; it must be an "
                "address like tcp://127.0.0.1:8786"
            ) from error
        self._check_sources()
        self._running: dict[Future, Task] = {}
        self._ended: queue.SimpleQueue[Future] = queue.SimpleQueue()
        self._threads, self._looked = 0, -EVERY

    def _check_sources(self) -> None:
        """Refuse a scheduler that cannot read what it is to hand on: every run would fail."""

        def has_sources() -> bool:  # of no module, so that it needs none there
            from importlib.util import find_spec

            return find_spec("tb") is not None

        if not self._client.run_on_scheduler(has_sources):
            self._client.close(timeout=ANSWER)
            raise UserError(
                f"SCHEDULER {self._address}: the scheduler does not find the sources: start it in "
                "a checkout with PYTHONPATH=. as docs/campaign.md shows"
            )

    @property
    def free(self) -> int:
        """See `Pool`."""
        if time.monotonic() - self._looked >= EVERY:
            with self._scheduler():
                self._threads = sum(self._client.nthreads().values())
            self._looked = time.monotonic()
        return self._threads - len(self._running)

    def submit(self, task: Task) -> None:
        """See `Pool`."""
        with self._scheduler():
            future = self._client.submit(_work, task, key(task), pure=False, retries=0)
        self._running[future] = task
        future.add_done_callback(self._ended.put)

    def wait(self, seconds: float) -> list[Finished]:
        """See `Pool`."""
        found: list[Future] = []
        with self._scheduler():
            if self._client.status not in ("running", "connecting"):
                raise OSError(self._client.status)
        try:
            found.append(self._ended.get(timeout=seconds))
            while True:
                found.append(self._ended.get_nowait())
        except queue.Empty:
            pass
        return [self._finished(future) for future in found]

    def _finished(self, future: Future) -> Finished:
        task = self._running.pop(future)
        if future.status == "cancelled":  # as all are once the scheduler is lost
            with self._scheduler():
                raise OSError(future.status)
        if future.status == "finished":
            return Finished(task, *future.result())
        error = future.exception() if future.status == "error" else None
        why = " ".join(str(error or future.status).split())
        return Finished(task, 0.0, Lost(f"its worker died ({why})"))

    def __enter__(self) -> Self:
        return self

    @contextmanager
    def _scheduler(self) -> Iterator[None]:
        """What is asked of the scheduler, which may be gone."""
        try:
            yield
        except (OSError, RuntimeError, TimeoutError) as error:
            raise UserError(
                f"SCHEDULER {self._address}: the scheduler does not answer any more; results so "
                "far are kept: start it, or leave SCHEDULER out, and run this again"
            ) from error

    def __exit__(self, *exception: object) -> None:
        with suppress(OSError, RuntimeError, TimeoutError):  # no scheduler: nothing to cancel
            self._client.cancel(list(self._running), force=True)
        with suppress(OSError, RuntimeError, TimeoutError):
            self._client.close(timeout=ANSWER)


def _said(unraisable: Any) -> None:
    """Nothing of a client that ends without its scheduler."""
    if getattr(unraisable.object, "__qualname__", "") != "Client.__del__":
        sys.__unraisablehook__(unraisable)


def _work(task: Task, expected: str) -> tuple[float, dict | Exception]:
    """Do a task on a worker, in a process of its own that ends when nobody wants the result any
    more.
    """
    if key(task) != expected:
        return 0.0, UserError(
            f"the worker {get_worker().address} has other sources or files than this checkout"
        )
    child = Child()
    try:
        child.give(task)
        while not wait([child.connection], EVERY):
            if not _wanted():
                raise Lost("no longer wanted")
        return child.take()
    finally:
        child.kill()


def _wanted() -> bool:
    """Whether the scheduler still asks this worker for the task that this thread is doing."""
    worker = get_worker()
    state = worker.state.tasks.get(worker.get_current_task())
    return state is not None and state.state == "executing"
