"""Brings every legal VCD into the one form that the rest of the room reads."""

import gzip
import re
import zlib
from codecs import BOM_UTF8
from collections.abc import Iterator
from contextlib import contextmanager
from io import BufferedIOBase, BufferedReader
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import IO

from isa.errors import UserError

__all__ = ["plain"]

_PIECE = 1 << 20
"""Bytes looked at together, up to the end of a line."""
_GZIP = b"\x1f\x8b"
_CROWDED = re.compile(rb"\n#\d+[ \t]+(?:\S+[ \t]+)*?[bBrRsS]\S+[ \t]+\S[^\n]*")
"""A time with the change of a vector in its line."""
_CHANGE = re.compile(rb"[ \t]+((?:[bBrRsS]\S+[ \t]+)?\S+)")
_ASCII = bytes(code if code < 128 else ord("?") for code in range(256))


@contextmanager
def plain(path: Path) -> Iterator[Path]:
    r"""Give the same VCD as a file of ASCII with ``\n`` between lines and every change of a vector
    in a line of its own.

    That is the file itself if it is so already, or an FST file by its name. Otherwise it is a
    temporary copy: of text in another encoding or with other line ends, of a gzip file, whatever
    its name, and of a pipe, which is read once.

    Raises
    ------
    OSError
        If the file cannot be read.
    UserError
        If it is a damaged gzip file.
    """
    if path.suffix == ".fst" or (path.is_file() and _is_plain(path)):
        yield path
        return
    with NamedTemporaryFile(suffix=".vcd") as copy:
        with path.open("rb") as source:
            _write(source, copy)
        copy.flush()
        yield Path(copy.name)


def _is_plain(path: Path) -> bool:
    with path.open("rb") as file:
        return all(
            piece.isascii() and b"\r" not in piece and not _CROWDED.search(b"\n" + piece)
            for piece in _pieces(file)
        )


def _pieces(file: BufferedIOBase) -> Iterator[bytes]:
    """Whole lines, about a `_PIECE` of them at a time."""
    while piece := file.read(_PIECE):
        yield piece + file.readline(_PIECE)


def _write(source: BufferedReader, copy: IO[bytes]) -> None:
    packed = source.peek(len(_GZIP)).startswith(_GZIP)
    try:
        for number, piece in enumerate(
            _pieces(gzip.GzipFile(fileobj=source) if packed else source)
        ):
            text = _normal(piece)
            copy.write(text)
            if not number and not text.lstrip().startswith(b"$"):
                return  # not a VCD, as its reader will say: it may have no end
    except EOFError:
        raise UserError("truncated: the gzip file ends too early") from None
    except (gzip.BadGzipFile, zlib.error) as error:
        raise UserError(f"a damaged gzip file: {error}") from None


def _normal(piece: bytes) -> bytes:
    text = piece.removeprefix(BOM_UTF8).translate(_ASCII).replace(b"\r\n", b"\n")
    spread = _CROWDED.sub(lambda line: _CHANGE.sub(rb"\n\1", line[0]), b"\n" + text)
    return spread[1:]
