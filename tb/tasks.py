"""Work that is done in several processes, and that need not be done again."""

import hashlib
import inspect
import json
import time
from collections.abc import Callable
from concurrent.futures import FIRST_COMPLETED, ProcessPoolExecutor, wait
from dataclasses import dataclass, field
from functools import cache
from multiprocessing import get_context
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from isa.errors import UserError
from tb.files import write_json
from tb.sources import digest

__all__ = ["Task", "run_tasks"]


@dataclass(frozen=True)
class Task:
    """A named call that returns a dict of plain values."""

    name: str
    call: Callable[..., dict]
    arguments: dict[str, Any] = field(default_factory=dict)


def run_tasks(
    tasks: list[Task],
    jobs: int,
    console: Console,
    *,
    keep: Path | None = None,
    worth: Callable[[dict], bool] = lambda result: True,
) -> dict[str, dict]:
    """Run tasks in `jobs` processes; the result of each by its name. The first failure ends all.

    With `keep`, results that are `worth` it are kept in that folder, and a task is not run again
    while neither its arguments change nor the `sources` of the module that its call is in.

    Raises
    ------
    UserError
        If a task fails.
    """
    results = {
        task.name: found for task in tasks if keep and (found := _kept(keep, task)) is not None
    }
    if results:
        console.print(f"{len(results)} of {len(tasks)} are there from before", highlight=False)
    with Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        console=console,
        transient=True,
        disable=not console.is_terminal,
    ) as bar:
        line = bar.add_task("starting", total=len(tasks), completed=len(results))
        with ProcessPoolExecutor(jobs, mp_context=get_context("spawn")) as pool:
            pending = {
                pool.submit(_timed, task): task for task in tasks if task.name not in results
            }
            while pending:
                running = [task.name for future, task in pending.items() if future.running()][:jobs]
                bar.update(line, description=" | ".join(running))
                done, _ = wait(pending, timeout=1, return_when=FIRST_COMPLETED)
                for future in done:
                    task = pending.pop(future)
                    if error := future.exception():
                        pool.shutdown(wait=False, cancel_futures=True)
                        if isinstance(error, UserError):
                            raise UserError(f"{task.name}: {error}")
                        raise error
                    seconds, results[task.name] = future.result()
                    if keep and worth(results[task.name]):
                        write_json(keep / _key(task), results[task.name], indent=None)
                    bar.advance(line)
                    if not console.is_terminal:
                        console.print(
                            f"{len(results)} of {len(tasks)}: {task.name}, {seconds:.0f} s",
                            highlight=False,
                        )
    return results


def _timed(task: Task) -> tuple[float, dict]:
    started = time.monotonic()
    result = task.call(**task.arguments)
    return time.monotonic() - started, result


@cache
def _digest(module: str) -> str:
    return digest(Path(module))


def _key(task: Task) -> str:
    call = task.call
    what = f"{_digest(inspect.getfile(call))} {call.__module__}.{call.__qualname__} "
    what += repr(sorted(task.arguments.items()))
    return f"{hashlib.sha256(what.encode()).hexdigest()[:20]}.json"


def _kept(folder: Path, task: Task) -> dict | None:
    try:
        return json.loads((folder / _key(task)).read_text())
    except OSError:
        return None
