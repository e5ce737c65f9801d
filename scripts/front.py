"""What every command does around its own work: an exit status, one line for what went wrong."""

import errno
import os
import shutil
import sys
from collections.abc import Callable
from pathlib import Path

from isa.errors import UserError
from scripts import NO_MEMORY
from scripts.pipe import STDOUT, outlive_reader
from tb.runner import ROOT, SimulationFailure

__all__ = ["main"]


def main(run: Callable[[], int]) -> None:
    """Call `run` and exit with its status; a `UserError` becomes one line and status 2, a simulator
    that fails or a file that cannot be read or written one line and status 1.
    """
    if sys.stdout.isatty():  # tables are as wide as the terminal itself, whatever a shell says
        os.environ.pop("COLUMNS", None)
    os.environ.pop("LINES", None)
    outlive_reader()
    try:
        status = run()
        sys.stdout.flush()  # while it can be told that nothing takes it
    except UserError as error:
        print(f"flatmesh: {error}", file=sys.stderr)
        status = 2
    except SimulationFailure as error:
        print(f"flatmesh: {str(error).splitlines()[0]}", file=sys.stderr)
        status = 1
    except OSError as error:
        print(f"flatmesh: {_what(error)}", file=sys.stderr)
        status = 1
    except MemoryError:
        print(f"flatmesh: {NO_MEMORY}", file=sys.stderr)
        status = 1
    except KeyboardInterrupt:
        print("flatmesh: interrupted", file=sys.stderr)
        status = 130
    sys.exit(status)


def _what(error: OSError) -> str:
    """What cannot be read or written, and of a disk without room how much it has."""
    where = error.filename or ROOT / "build"
    room = ""
    if where == STDOUT:
        return f"{where}: {error.strerror}"
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        free = shutil.disk_usage(_there(Path(where))).free
        room = f", {free >> 20} MiB are free there"
    if error.errno == errno.EFBIG:
        room = ", see ulimit -f"
    return f"{where}: {error.strerror or error}{room}"


def _there(path: Path) -> Path:
    """The path, or the first folder above it that is there."""
    return next(one for one in (path, *path.absolute().parents) if one.exists())
