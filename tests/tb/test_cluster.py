"""A campaign on a Dask cluster: a scheduler and two workers on loopback, one of them killed."""

import io
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest
from rich.console import Console

import scripts.campaign
from isa.errors import UserError
from tb.campaign.run import count, run_campaign
from tb.campaign.spec import read_spec
from tb.campaign.targets import TARGETS
from tb.runner import ROOT
from tb.tasks import Store, Task, Workers, run_tasks
from tests.scripts.command import call
from tests.tb.test_tasks import ended

DASK = Path(sys.executable).with_name("dask")


@contextmanager
def dask(*arguments: str, sources: bool = True) -> Iterator[subprocess.Popen]:
    """One process of a cluster, which is killed in the end if it is still there."""
    process = subprocess.Popen(
        [DASK, *arguments],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT) if sources else ""},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@contextmanager
def scheduler(address: str, **options: bool) -> Iterator[subprocess.Popen]:
    """A scheduler that listens."""
    port = address.rpartition(":")[2]
    command = ("scheduler", "--host", "127.0.0.1", "--port", port, "--no-dashboard")
    with dask(*command, **options) as process:
        until = time.monotonic() + 60
        while socket.socket().connect_ex(("127.0.0.1", int(port))):
            assert time.monotonic() < until
            time.sleep(0.2)
        yield process


@pytest.fixture
def cluster(tmp_path):
    """Address of a scheduler, and the processes of its two workers, of one thread each."""
    address = f"tcp://127.0.0.1:{free_port()}"
    worker = ("worker", address, "--nthreads", "1", "--no-nanny", "--no-dashboard")
    with ExitStack() as stack:
        enter = stack.enter_context
        enter(scheduler(address))
        yield (
            address,
            [enter(dask(*worker, "--local-directory", str(tmp_path / name))) for name in "ab"],
        )


def where(path: str, number: int, simulator: bool) -> dict:
    """Tell which worker this is; start a process that takes long, the first time, if asked to."""
    mark = Path(path) / f"task{number}"
    first, worker = not mark.exists(), os.getppid()
    mark.write_text(str(worker))
    if simulator and first:
        process = subprocess.Popen(["sleep", "600"])
        (Path(path) / f"simulator{number}").write_text(str(process.pid))
        process.wait()
    time.sleep(0.5)
    return {"worker": worker}


def test_the_work_of_a_killed_worker_goes_to_the_other_one(cluster, tmp_path):
    address, workers = cluster
    tasks = [
        Task(f"task {n}", where, {"path": str(tmp_path), "number": n, "simulator": n == 2})
        for n in range(6)
    ]
    said = io.StringIO()

    class Watched(Store):
        """Kills the worker that has the simulator, when another task is through."""

        def release(self, task, result=None):
            super().release(task, result)
            pid = tmp_path / "simulator2"
            if pid.exists() and not killed:
                (victim,) = (
                    worker
                    for worker in workers
                    if worker.pid == int((tmp_path / "task2").read_text())
                )
                victim.kill()
                killed.append(victim.pid)

    killed: list[int] = []
    seen = run_tasks(
        tasks,
        Workers(scheduler=address),
        Console(file=said),
        store=Watched(tmp_path / "kept"),
    )
    assert seen.keys() == {task.name for task in tasks} and len(killed) == 1
    assert seen["task 2"]["worker"] != killed[0]
    assert ended(tmp_path / "simulator2")
    assert {one["worker"] for one in seen.values()} <= {worker.pid for worker in workers}


def test_a_scheduler_without_our_sources_is_refused():
    address = f"tcp://127.0.0.1:{free_port()}"
    what = f"^SCHEDULER {address}: the scheduler does not find the sources: start it in a checkout"
    task = Task("one", where, {})
    with scheduler(address, sources=False), pytest.raises(UserError, match=what):
        run_tasks([task], Workers(scheduler=address), Console(quiet=True))


@pytest.mark.slow
def test_a_campaign_that_is_stopped_leaves_nothing_on_its_workers(cluster, tmp_path):
    address, _ = cluster
    script = (
        "from rich.console import Console\n"
        "from tb.tasks import Task, Workers, run_tasks\n"
        "from tests.tb.test_tasks import simulate\n"
        f"tasks = [Task(str(n), simulate, {{'path': f'{tmp_path}/pid{{n}}'}}) for n in range(2)]\n"
        f"run_tasks(tasks, Workers(scheduler={address!r}), Console(quiet=True))\n"
    )
    pids = [tmp_path / f"pid{n}" for n in range(2)]
    for how in (signal.SIGINT, signal.SIGKILL):
        run = subprocess.Popen([sys.executable, "-c", script], cwd=ROOT, stderr=subprocess.DEVNULL)
        until = time.monotonic() + 60
        while not all(path.exists() and path.read_text() for path in pids):
            assert time.monotonic() < until and run.poll() is None
            time.sleep(0.1)
        run.send_signal(how)
        run.wait(30)
        assert all(ended(path) for path in pids)
        for path in pids:
            path.unlink()


def test_a_scheduler_that_does_not_answer_gets_one_line(tmp_path):
    spec = tmp_path / "one.toml"
    spec.write_text('[[grid]]\nworkload = "mha:S=16,D=8,H=1"\nmachine = "tiny"\nseed = 12345\n')
    with socket.socket() as deaf:
        deaf.bind(("127.0.0.1", 0))  # nobody listens
        address = f"tcp://127.0.0.1:{deaf.getsockname()[1]}"
        done = call(scripts.campaign, SPEC=str(spec), SCHEDULER=address, RESUME="0")
    assert done.returncode == 2 and done.stderr.count("\n") == 1, done.stderr
    assert re.match(rf"flatmesh: SCHEDULER {address}: no Dask scheduler answers", done.stderr)


def test_a_scheduler_that_dies_is_one_line(tmp_path):
    """Neither a traceback nor what its client says of its own end."""
    address = f"tcp://127.0.0.1:{free_port()}"
    worker = ("worker", address, "--nthreads", "1", "--no-nanny", "--no-dashboard")
    script = (
        "from rich.console import Console\n"
        "from scripts.front import main\n"
        "from tb.tasks import Task, Workers, run_tasks\n"
        "from tests.tb.test_tasks import simulate\n"
        f"tasks = [Task('one', simulate, {{'path': '{tmp_path}/pid'}})]\n"
        f"workers = Workers(scheduler={address!r})\n"
        "main(lambda: run_tasks(tasks, workers, Console(quiet=True)))\n"
    )
    with scheduler(address) as it:
        until = time.monotonic() + 60
        with dask(*worker, "--local-directory", str(tmp_path / "a")):
            command = [sys.executable, "-c", script]
            run = subprocess.Popen(command, cwd=ROOT, stderr=subprocess.PIPE, text=True)
            while not (tmp_path / "pid").exists():
                assert time.monotonic() < until and run.poll() is None
                time.sleep(0.1)
            it.kill()
            said = run.communicate(timeout=60)[1]
    assert run.returncode == 2 and said.count("\n") == 1, said
    assert said.startswith(f"flatmesh: SCHEDULER {address}: the scheduler does not answer any more")


@pytest.mark.slow
def test_a_campaign_on_the_rtl_loses_a_worker_and_nothing_else(cluster, tmp_path):
    address, workers = cluster
    spec = tmp_path / "cluster.toml"
    spec.write_text(
        '[[grid]]\nmachine = "tiny"\nmesh = ["2x2", "1x2"]\nworkload = "mha:S=64,D=16,H=2"\n'
        'dataflow = ["flat-async", "flat", "flash2"]\nseed = [1, 2]\n'
    )
    read, said = read_spec(spec, TARGETS), io.StringIO()

    class Killing(io.StringIO):
        """Kills a worker as soon as four runs are through."""

        def write(self, text):
            if text.startswith("4 of 12"):
                workers[0].kill()
            return said.write(text)

    run = run_campaign(
        read, TARGETS, Workers(scheduler=address), Console(file=Killing()), base=tmp_path
    )
    assert count(run.rows)["passed"] == 12 and workers[0].wait(10) == -signal.SIGKILL
    alone = run_campaign(read, TARGETS, Workers(2), Console(quiet=True), base=tmp_path / "here")
    assert [row["cycles"] for row in alone.rows] == [row["cycles"] for row in run.rows]
    again = run_campaign(read, TARGETS, Workers(2), Console(quiet=True), base=tmp_path)
    assert again.kept == 12
