"""What a log says went wrong."""

import re
import shutil
import signal
from pathlib import Path

__all__ = ["one_line", "reason", "tail"]

_TELLING = r"%Error|[Ee]rror:|ERROR|CRITICAL|[Ff]atal|what\(\):|Segmentation fault|Assertion"


_ROOM = 64 << 10
"""Bytes that a log needs at least."""
_SENDERS = {
    "SIGKILL": ", by a user or by the kernel (out of memory)",
    "SIGXFSZ": ": a file is larger than the limit of ulimit -f",
}


def one_line(error: BaseException) -> str:
    """What went wrong, with the exit status where that is all there is."""
    if isinstance(error, SystemExit):
        return f"exit status {error.code}"
    said = (str(error).splitlines() or [type(error).__name__])[0]
    if (killed := re.search(r"return code: -(\d+)|SIG[A-Z]+", said)) is None:
        return said
    name = signal.Signals(int(killed[1])).name if killed[1] else killed[0]
    return f"killed by {name}{_SENDERS.get(name, '')}"


def reason(log: Path) -> str:
    """The first line of a log that tells of a fault, else its last one, and where the rest is; and
    that the disk is full, if it is.
    """
    lines = [line.strip() for line in _lines(log) if line.strip()]
    told = [line for line in lines if re.search(_TELLING, line)]
    line = told[0] if told else lines[-1] if lines else "nothing was logged"
    line = line.replace("what():  std::bad_alloc", "out of memory (std::bad_alloc)")
    full = log.parent.is_dir() and shutil.disk_usage(log.parent).free < _ROOM
    return f"{line[:200]} (log: {log}){'; the disk is full there' if full else ''}"


def tail(log: Path, lines: int = 60) -> str:
    """The end of a log."""
    return "\n".join(_lines(log)[-lines:]) or "(no log)"


def _lines(log: Path) -> list[str]:
    return log.read_text(errors="replace").splitlines() if log.exists() else []
