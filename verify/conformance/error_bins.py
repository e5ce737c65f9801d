"""Coverage bins of errors: every code from wherever it can come, and every field that has something
beyond its ends.
"""

from collections.abc import Iterable, Iterator

from isa.instructions import OPCODES_OF, Queue
from isa.machine import MACHINES
from isa.status import ErrorCode
from verify.conformance.error_program import Culprit
from verify.conformance.extremes import beyond, fields_of

__all__ = ["declare_errors", "observe_errors"]

_ANY = (ErrorCode.BAD_CHECKSUM, ErrorCode.ILLEGAL, ErrorCode.BAD_LOOP, ErrorCode.RECTANGLE)
_NOBODY = (
    ErrorCode.SEMAPHORE_OVERFLOW,
    ErrorCode.REMOTE_ADDRESS,
    ErrorCode.REDUCE_MISMATCH,
    ErrorCode.BAD_HEADER,
)
"""From what arrives; a mismatch may be seen as a reduction that stays incomplete."""


def declare_errors() -> dict[str, list[str]]:
    """Group to its members."""
    codes = [(queue, code) for queue in Queue for code in (*_ANY, ErrorCode.ADDRESS)]
    codes += [(queue, ErrorCode.REMOTE_ADDRESS) for queue in (Queue.LOAD, Queue.OUT)]
    return {
        "error": [_error(code, queue) for queue, code in codes]
        + [_error(code, None) for code in _NOBODY],
        "refused": [name for name, _ in _fields()],
    }


def observe_errors(culprits: Iterable[Culprit]) -> Iterator[str]:
    """The bins that the errors of a case hit."""
    fields = list(_fields())
    for culprit in culprits:
        yield f"error/{_error(culprit.codes[0], culprit.queue)}"
        for name, begins in fields:
            if culprit.name.startswith(begins):
                yield f"refused/{name}"


def _error(code: ErrorCode, queue: Queue | None) -> str:
    return (
        f"{code.name.lower().replace('_', ' ')} {'flits' if queue is None else queue.name.lower()}"
    )


def _fields() -> Iterator[tuple[str, str]]:
    """A field's name, and how those of its refusals begin."""
    for queue, opcodes in OPCODES_OF.items():
        for opcode in opcodes:
            for name in fields_of(opcode):
                if beyond(opcode, name, MACHINES["tiny"]):
                    yield (
                        f"{opcode.name.lower()} {name}",
                        f"{queue.name.lower()}: {opcode.name} {name} ",
                    )
