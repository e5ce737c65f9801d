"""A process of our own that does one task after the other, and takes everything that it has started
with it when it ends: no simulator outlives the run that wanted it.
"""

import contextlib
import os
import pickle
import queue
import signal
import socket
import subprocess
import sys
import threading
import time
from multiprocessing.connection import Connection

from isa.errors import UserError
from tb.campaign.store import Task

__all__ = ["Child", "Lost", "serve"]


class Lost(Exception):
    """The process that ran a task has ended before the task did."""


class Child:
    """This side: `give` it a task, wait until `connection` is readable, and `take` the result.

    Its process is the leader of a session of its own. Ctrl-C at a terminal does not reach it, and
    all of the session ends with `kill`, or as soon as this process has ended in any way.
    """

    def __init__(self) -> None:
        ours, theirs = socket.socketpair()
        code = f"import sys; sys.path[:] = {sys.path!r}\nfrom tb.campaign.child import serve\n"
        self._process = subprocess.Popen(
            [sys.executable, "-c", f"{code}serve({theirs.fileno()})"],
            stdin=subprocess.DEVNULL,
            pass_fds=[theirs.fileno()],
            start_new_session=True,
        )
        theirs.close()
        self.connection = Connection(ours.detach())

    def give(self, task: Task) -> None:
        """Have it do a task."""
        with contextlib.suppress(OSError):  # it has just ended, which `take` says
            self.connection.send(task)

    def take(self) -> tuple[float, dict | Exception]:
        """Seconds that the task took, and its result or what it raised; waits for it.

        Raises
        ------
        Lost
            If the process has ended.
        """
        try:
            return self.connection.recv()
        except (EOFError, OSError):
            self.kill()
            raise Lost(f"its process ended with status {self._process.returncode}") from None

    def kill(self) -> None:
        """End it with all that it has started."""
        self.connection.close()
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()


def serve(descriptor: int) -> None:
    """The other side: do what comes through a socket until it is closed."""
    connection, tasks = Connection(descriptor), queue.SimpleQueue[Task]()

    def read() -> None:
        try:
            while True:
                tasks.put(connection.recv())
        except (EOFError, OSError):
            os.killpg(0, signal.SIGKILL)

    threading.Thread(target=read, daemon=True).start()
    while True:
        task = tasks.get()
        started, result = time.monotonic(), _result(task)
        connection.send((time.monotonic() - started, result))


def _result(task: Task) -> dict | Exception:
    """What a task returns or raises; of an exception that cannot be sent, its message."""
    try:
        return task.call(**task.arguments)
    except Exception as error:
        try:
            pickle.loads(pickle.dumps(error))
        except Exception:
            return (UserError if isinstance(error, UserError) else RuntimeError)(str(error))
        return error
