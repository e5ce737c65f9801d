"""Work in processes: what is kept is not done again, by nobody, and nothing outlives its run."""

import io
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from rich.console import Console

from isa.errors import UserError
from tb.campaign.child import Lost
from tb.campaign.store import key
from tb.runner import ROOT
from tb.tasks import Store, Task, TaskBatch, Workers, run_tasks

QUIET = Console(quiet=True)


def touch(path: str, number: int) -> dict:
    """Leave a mark that says how often it was called."""
    with open(path, "a") as marks:
        marks.write("x")
    return {"number": number}


def slow_touch(path: str, number: int) -> dict:
    """The same, and take half a second."""
    time.sleep(0.5)
    return touch(path, number)


def die(path: str, times: int) -> dict:
    """End the process that many times."""
    touch(path, 0)
    if len(Path(path).read_text()) <= times:
        os.kill(os.getpid(), signal.SIGKILL)
    return {"alive": True}


def simulate(path: str) -> dict:
    """Start another process, tell its number, and wait for it."""
    process = subprocess.Popen(["sleep", "600"])
    Path(path).write_text(str(process.pid))
    process.wait()
    return {}


def ended(path: Path, seconds: float = 20) -> bool:
    """Whether the process whose number is in the file has ended by then."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        stat = Path(f"/proc/{path.read_text()}/stat")
        if not stat.exists() or stat.read_text().rpartition(")")[2].split()[0] == "Z":
            return True
        time.sleep(0.1)
    return False


def test_a_kept_result_is_not_made_again(tmp_path):
    marks, keep, said = tmp_path / "marks", tmp_path / "keep", io.StringIO()

    def run(number: int, **options) -> dict[str, dict]:
        return run_tasks(
            [Task("one", touch, {"path": str(marks), "number": number})],
            Workers(1),
            Console(file=said),
            store=Store(keep, **options),
        )

    assert run(1) == run(1) == {"one": {"number": 1}}
    assert marks.read_text() == "x"
    assert "1 of 1 kept from an earlier run" in said.getvalue()
    assert run(2) == {"one": {"number": 2}}
    assert marks.read_text() == "xx"
    assert run(2, fresh=True) == {"one": {"number": 2}}
    assert marks.read_text() == "xxx"
    assert not list(keep.glob("*.lock"))


def test_a_key_changes_with_the_content_of_files(tmp_path):
    file = tmp_path / "data.npz"
    file.write_text("one")
    task = Task("one", touch, {"path": "marks", "number": 1}, (file,))
    before = key(task)
    assert key(task) == before != key(Task("one", touch, {"path": "marks", "number": 1}))
    file.write_text("two")
    assert key(task) != before


def test_what_is_not_worth_it_is_made_again(tmp_path):
    marks = tmp_path / "marks"
    task = Task("one", touch, {"path": str(marks), "number": 1})
    for _ in range(2):
        run_tasks([task], Workers(1), QUIET, store=Store(tmp_path / "keep", lambda result: False))
    assert marks.read_text() == "xx"


def test_two_runs_at_a_time_share_the_work(tmp_path):
    tasks = [
        Task(f"task {n}", slow_touch, {"path": str(tmp_path / f"marks{n}"), "number": n})
        for n in range(4)
    ]
    seen: list[dict] = [{}, {}]

    def run(which: int) -> None:
        # The other way round, so that each waits for what the other one is at.
        mine = tasks if which else tasks[::-1]
        seen[which] = run_tasks(mine, Workers(1), QUIET, store=Store(tmp_path / "keep"))

    threads = [threading.Thread(target=run, args=(which,)) for which in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert seen[0] == seen[1] == {f"task {n}": {"number": n} for n in range(4)}
    assert [(tmp_path / f"marks{n}").read_text() for n in range(4)] == ["x"] * 4


def touch_all(calls: list[dict]) -> list[dict]:
    """`touch` with each of these arguments, and how many there were."""
    return [touch(**call) | {"of": len(calls)} for call in calls]


def test_tasks_of_a_batch_are_done_together_but_for_those_that_are_kept(tmp_path):
    tasks = [
        Task(f"task {n}", touch, {"path": str(tmp_path / f"marks{n}"), "number": n})
        for n in range(4)
    ]
    store = {"store": Store(tmp_path / "keep")}
    run_tasks(tasks[1:2], Workers(1), QUIET, **store)
    seen = run_tasks([TaskBatch(tuple(tasks[:3]), touch_all), tasks[3]], Workers(2), QUIET, **store)
    of = {"task 0": {"of": 2}, "task 1": {}, "task 2": {"of": 2}, "task 3": {}}
    assert seen == {name: {"number": n} | of[name] for n, name in enumerate(of)}
    assert [(tmp_path / f"marks{n}").read_text() for n in range(4)] == ["x"] * 4
    again = run_tasks([TaskBatch(tuple(tasks), touch_all)], Workers(1), QUIET, **store)
    assert again == seen and (tmp_path / "marks0").read_text() == "x"


def fail_all(calls: list[dict]) -> list[dict]:
    """Whatever it is given."""
    raise UserError(f"{len(calls)} at a time")


def test_a_batch_that_fails_fails_all_its_tasks(tmp_path):
    tasks = [Task(f"task {n}", touch, {"path": str(tmp_path), "number": n}) for n in range(2)]
    with pytest.raises(UserError, match=r"^task 0: 2 at a time$"):
        run_tasks([TaskBatch(tuple(tasks), fail_all)], Workers(1), QUIET)
    seen = run_tasks(
        [TaskBatch(tuple(tasks), fail_all)],
        Workers(1),
        QUIET,
        failed=lambda task, error: {"of": task.name, "said": str(error)},
    )
    assert seen == {task.name: {"of": task.name, "said": "2 at a time"} for task in tasks}


def test_a_task_whose_process_dies_is_started_again_but_not_for_ever(tmp_path):
    once = Task("once", die, {"path": str(tmp_path / "once"), "times": 1})
    assert run_tasks([once], Workers(1), QUIET) == {"once": {"alive": True}}
    always = Task("always", die, {"path": str(tmp_path / "always"), "times": 99})
    with pytest.raises(UserError, match=r"^always: its process ended with status -9$"):
        run_tasks([always], Workers(1), QUIET)
    seen = run_tasks(
        [always, once],
        Workers(2),
        QUIET,
        failed=lambda task, error: {"lost": isinstance(error, Lost)},
    )
    assert seen == {"always": {"lost": True}, "once": {"alive": True}}


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_nothing_that_a_task_has_started_outlives_its_run(tmp_path, how):
    script = (
        "from rich.console import Console\n"
        "from tb.tasks import Task, Workers, run_tasks\n"
        "from tests.tb.test_tasks import simulate\n"
        f"tasks = [Task(str(n), simulate, {{'path': f'{tmp_path}/pid{{n}}'}}) for n in range(2)]\n"
        "run_tasks(tasks, Workers(2), Console(quiet=True))\n"
    )
    run = subprocess.Popen(
        [sys.executable, "-c", script],
        cwd=ROOT,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # ignored below nohup
    )
    pids = [tmp_path / f"pid{n}" for n in range(2)]
    until = time.monotonic() + 60
    while not all(path.exists() and path.read_text() for path in pids):
        assert time.monotonic() < until and run.poll() is None
        time.sleep(0.1)
    run.send_signal(how)
    run.wait(30)
    assert all(ended(path) for path in pids)
