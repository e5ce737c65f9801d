"""What a log says went wrong."""

import re
from pathlib import Path

__all__ = ["one_line", "reason", "tail"]

_TELLING = r"%Error|[Ee]rror:|ERROR|CRITICAL|[Ff]atal|what\(\):|Segmentation fault|Assertion"


def one_line(error: BaseException) -> str:
    """What went wrong, with the exit status where that is all there is."""
    if isinstance(error, SystemExit):
        return f"exit status {error.code}"
    return (str(error).splitlines() or [type(error).__name__])[0]


def reason(log: Path) -> str:
    """The first line of a log that tells of a fault, else its last one, and where the rest is."""
    lines = [line.strip() for line in _lines(log) if line.strip()]
    told = [line for line in lines if re.search(_TELLING, line)]
    line = told[0] if told else lines[-1] if lines else "nothing was logged"
    return f"{line[:200]} (log: {log})"


def tail(log: Path, lines: int = 60) -> str:
    """The end of a log."""
    return "\n".join(_lines(log)[-lines:]) or "(no log)"


def _lines(log: Path) -> list[str]:
    return log.read_text(errors="replace").splitlines() if log.exists() else []
