"""Files that are complete or not there."""

import json
import os
import tempfile
from pathlib import Path
from typing import Any

__all__ = ["write", "write_json"]


def write(path: Path, content: str | bytes) -> None:
    """Write a file in one step: whoever reads it sees what was there before, or all of `content`.

    Makes the folder. Text is written as UTF-8.

    Raises
    ------
    OSError
        If the file cannot be written; nothing is left behind then.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    data = content.encode() if isinstance(content, str) else content
    handle, scratch = tempfile.mkstemp(dir=path.parent)
    try:
        with open(handle, "wb") as file:
            file.write(data)
        os.chmod(scratch, 0o644)
        os.replace(scratch, path)
    except BaseException as error:
        os.unlink(scratch)
        if isinstance(error, OSError) and not error.filename:  # a full disk says no name
            error.filename = str(path)
        raise


def write_json(path: Path, content: Any, *, indent: int | None = 2) -> None:
    """Write JSON in one step, as `write` does."""
    write(path, json.dumps(content, indent=indent) + "\n")
