"""A standard output that somebody may stop reading, as ``make sim | head -1`` does.

It needs nothing but the standard library: `make help` has it too.
"""

import io
import os
import sys

__all__ = ["STDOUT", "outlive_reader"]

STDOUT = "standard output"


class _Pipe(io.FileIO):
    """Where nobody reads any more, what is written is lost without a word, and the command goes
    on: its files, and its exit status, are those of its own work.
    """

    def write(self, data, /) -> int:
        """Write, or lose it. A disk that is full is told, once."""
        try:
            return super().write(data)
        except OSError as error:
            nowhere = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nowhere, self.fileno())
            os.close(nowhere)
            if not isinstance(error, BrokenPipeError):
                error.filename = STDOUT
                raise
            return len(data)


def outlive_reader() -> None:
    """Let the standard output of this process be such a one."""
    out = sys.stdout
    if out is not sys.__stdout__ or out is None or out.isatty():
        return
    out.flush()
    pipe = io.BufferedWriter(_Pipe(out.fileno(), "w", closefd=False))
    sys.stdout = io.TextIOWrapper(pipe, encoding=out.encoding, errors=out.errors)
