"""Reads the value changes of chosen signals: from a VCD with vcdvcd, or from a VCD or FST with
pywellen, all the same.
"""

import os
import re
import signal
from array import array
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Any, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from isa.errors import UserError
from waves.read.lines import check_lines

__all__ = ["READERS", "UNKNOWN", "Changes", "Waves", "open_waves"]

READERS = ("vcdvcd", "pywellen")
UNKNOWN = -1
"""Value of a signal with a digit x or z."""

_RANGE = re.compile(r"\s*\[[0-9:]+\]$")


class Changes(NamedTuple):
    """What happens to one signal: times, which do not fall, and the values from then on; shape
    (changes,) each.
    """

    times: NDArray[np.int64]
    values: NDArray[np.int64]


class Waves(Protocol):
    """A file of waves.

    Attributes
    ----------
    widths
        Width of each signal by its full name: its scopes and name with points between them, without
        the range of its bits.
    """

    widths: dict[str, int]

    def changes(self, names: Iterable[str]) -> dict[str, Changes]:
        """Read the changes of these signals."""


def open_waves(path: Path, reader: str = "vcdvcd") -> Waves:
    """Open a VCD, and see that it is whole; or an FST file.

    Parameters
    ----------
    path
        An FST file if it ends in ``.fst``.
    reader
        One of `READERS`, for a VCD: pywellen is faster, and optional. Only pywellen reads FST
        files.

    Raises
    ------
    UserError
        If the file cannot be read, is damaged, or needs a reader that is not installed.
    """
    if reader not in READERS:
        raise UserError(f"the reader must be one of {', '.join(READERS)}, not {reader!r}")
    fst = path.suffix == ".fst"
    try:
        if not fst:
            check_lines(path)
        elif not path.stat().st_size:
            raise UserError("the file is empty")
    except OSError as error:
        raise UserError(f"cannot be read: {error.strerror}") from None
    if not fst and reader == "vcdvcd":
        return _Vcdvcd(path)
    if find_spec("pywellen") is None:
        raise UserError(
            "pywellen is needed, `pip install pywellen`; without it, only a VCD can be read, with "
            "vcdvcd"
        )
    return _Pywellen(path)


@contextmanager
def _failing_as(reader: str) -> Iterator[None]:
    """Turn whatever a reader throws into a message to the user."""
    try:
        yield
    except (KeyboardInterrupt, SystemExit):
        raise
    except BaseException as error:  # a panic of pywellen is not an Exception
        reason = "".join(
            filter(str.isprintable, (str(error) or type(error).__name__).splitlines()[0])
        )
        raise UserError(f"{reader} cannot read it: {reason[:100].rstrip(': ')}") from None


@contextmanager
def _silent() -> Iterator[None]:
    """Discard what is written to standard error from outside Python."""
    kept = os.dup(2)
    try:
        with open(os.devnull, "wb") as nowhere:
            os.dup2(nowhere.fileno(), 2)
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)


class _Vcdvcd:
    """By vcdvcd, as a stream: it keeps nothing itself."""

    def __init__(self, path: Path):
        # On import, vcdvcd changes what the whole process does when a pipe is closed.
        before = signal.getsignal(signal.SIGPIPE)
        import vcdvcd

        if signal.getsignal(signal.SIGPIPE) != before:
            signal.signal(signal.SIGPIPE, before)
        self._package, self._path = vcdvcd, path
        with _failing_as("vcdvcd"):
            declared = vcdvcd.VCDVCD(path, only_sigs=True)
        self._references = {_RANGE.sub("", reference): reference for reference in declared.signals}
        self._codes = declared.references_to_ids
        self.widths = {
            name: int(declared[reference].size) for name, reference in self._references.items()
        }

    def changes(self, names: Iterable[str]) -> dict[str, Changes]:
        references = {name: self._references[name] for name in names}
        kept = {
            self._codes[reference]: (array("q"), array("q")) for reference in references.values()
        }

        callbacks: Any = self._package.StreamParserCallbacks

        class Keep(callbacks):
            def value(self, vcd, time, value, identifier_code, cur_sig_vals):
                times, values = kept[identifier_code]
                times.append(time)
                try:
                    values.append(int(value, 2))
                except ValueError:
                    values.append(UNKNOWN)

        with _failing_as("vcdvcd"):
            self._package.VCDVCD(
                self._path, signals=list(references.values()), store_tvs=False, callbacks=Keep()
            )
        arrays = {
            code: Changes(*(np.array(column, np.int64) for column in columns))
            for code, columns in kept.items()
        }
        return {name: arrays[self._codes[reference]] for name, reference in references.items()}


class _Pywellen:
    """By pywellen. It reports a damaged FST file with a panic, which prints a backtrace."""

    def __init__(self, path: Path):
        import pywellen

        with _failing_as("pywellen"), _silent():
            variables = pywellen.Waveform(str(path)).all_vars()
        self._variables = {_RANGE.sub("", variable.full_name): variable for variable in variables}
        self.widths = {name: variable.bitwidth or 0 for name, variable in self._variables.items()}

    def changes(self, names: Iterable[str]) -> dict[str, Changes]:
        with _failing_as("pywellen"), _silent():
            return {name: self._of(self._variables[name]) for name in names}

    @staticmethod
    def _of(variable) -> Changes:
        pairs = [
            (time, value if isinstance(value, int) else UNKNOWN) for time, value in variable.signal
        ]
        return Changes(*np.array(pairs, np.int64).reshape(-1, 2).T)
