"""How the core is compiled: by numba, once per state of its sources.

numba notices a change of a function's own file only, not of the files of what it calls, so the
folder of what is compiled is named after all of them. In a checkout that cannot be written it is
below the folder for temporary files.
"""

import hashlib
import os
import tempfile
from pathlib import Path

from numba import config, njit

__all__ = ["compiled", "entry", "inlined"]

_HERE = Path(__file__).parent


def _folder() -> Path:
    sources = b"".join(path.read_bytes() for path in sorted(_HERE.glob("*.py")))
    name = f"numba/{hashlib.sha256(sources).hexdigest()[:16]}"
    for base in (_HERE.parents[1] / "build", Path(tempfile.gettempdir()) / f"model-{os.getuid()}"):
        try:
            (base / name).mkdir(parents=True, exist_ok=True)
        except OSError:
            continue
        if os.access(base / name, os.W_OK):
            return base / name
    return Path(tempfile.mkdtemp())


setattr(config, "CACHE_DIR", str(_folder()))  # noqa: B010  # numba makes its members at run time
# Without counting references to arrays, which nothing in the core keeps: that is four fifths of
# the time.
_INSIDE: dict = {"no_cpython_wrapper": True, "no_cfunc_wrapper": True, "_nrt": False}

compiled = njit(cache=True, **_INSIDE)
"""A function that only compiled functions call."""
inlined = njit(cache=True, forceinline=True, **_INSIDE)
"""Likewise, where a call, which copies all arrays' headers, would take longer than what it does."""
entry = njit(cache=True)
"""A function that Python calls."""
