"""Thin command-line fronts, one per make target."""

import sys

__all__ = ["NO_MEMORY"]

NO_MEMORY = "not enough memory: see free -m and ulimit -v, or take a smaller machine or workload"
_OURS = ("isa", "hw", "golden", "programs", "tb", "verify", "waves", "publish", "scripts")


def _said(kind, error, trace) -> None:
    """One line for what can go wrong while a front is still being imported."""
    # What libraries say that found no memory.
    signs = ("failed to map segment", "error return without exception set")
    if issubclass(kind, MemoryError) or any(sign in str(error) for sign in signs):
        print(f"flatmesh: {NO_MEMORY}", file=sys.stderr)
    elif issubclass(kind, ImportError) and (error.name or "ours").split(".")[0] not in _OURS:
        print(
            f"flatmesh: .venv is not whole ({error}): remove .venv and run make again",
            file=sys.stderr,
        )
    else:
        sys.__excepthook__(kind, error, trace)


sys.excepthook = _said
