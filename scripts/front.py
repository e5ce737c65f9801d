"""What every command does around its own work: an exit status, one line for what went wrong."""

import os
import sys
from collections.abc import Callable

from isa.errors import UserError
from tb.runner import SimulationFailure

__all__ = ["main"]


def main(run: Callable[[], int]) -> None:
    """Call `run` and exit with its status; a `UserError` becomes one line and status 2, a simulator
    that fails or a file that cannot be read or written one line and status 1.
    """
    for name in ("COLUMNS", "LINES"):  # of a shell: tables are as wide as the terminal itself
        os.environ.pop(name, None)
    try:
        status = run()
    except UserError as error:
        print(f"flatmesh: {error}", file=sys.stderr)
        status = 2
    except SimulationFailure as error:
        print(f"flatmesh: {str(error).splitlines()[0]}", file=sys.stderr)
        status = 1
    except OSError as error:
        what = f"{error.filename}: {error.strerror}" if error.filename else str(error)
        print(f"flatmesh: {what}", file=sys.stderr)
        status = 1
    except KeyboardInterrupt:
        print("flatmesh: interrupted", file=sys.stderr)
        status = 130
    sys.exit(status)
