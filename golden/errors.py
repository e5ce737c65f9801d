"""How the golden machine says what went wrong: with the code the hardware's status register would
hold.
"""

from isa.instructions import Queue
from isa.status import ErrorCode

__all__ = ["GoldenError", "GoldenFault"]


class GoldenFault(Exception):
    """An error without its place: raised by the parts of the machine that do not know which
    instruction they serve.
    """

    def __init__(self, code: ErrorCode, text: str, detail: int = 0):
        super().__init__(text)
        self.code = code
        self.text = text
        self.detail = detail


class GoldenError(RuntimeError):
    """The machine stopped.

    Attributes
    ----------
    code
        What the status register of `tile` holds; NONE for a deadlock, which is no error to the
        hardware.
    tile
        (x, y) of the tile that reports the error (a receiver, if a flit caused it), or None if all
        of them are stuck.
    queue, pc
        The instruction: its queue and its slot in the program image. None if the network caused the
        error.
    detail
        Address, semaphore or tag, as in the probe ERROR_DETAIL.
    """

    def __init__(
        self,
        code: ErrorCode,
        text: str,
        *,
        tile: tuple[int, int] | None = None,
        queue: Queue | None = None,
        pc: int | None = None,
        detail: int = 0,
    ):
        place = ""
        if tile is not None:
            place = f"tile ({tile[0]},{tile[1]})"
            place += f" queue {queue.name.lower()} pc {pc}" if queue is not None else ""
            place += ": "
        super().__init__(
            f"{place}{text}" if code == ErrorCode.NONE else f"{place}{code.name}: {text}"
        )
        self.code = code
        self.tile = tile
        self.queue = queue
        self.pc = pc
        self.detail = detail
