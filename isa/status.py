"""Sticky error codes of a tile's status register, and where each engine counter can be read."""

from enum import IntEnum

__all__ = ["L1_CLIENTS", "QUEUE_PROBES", "ErrorCode", "Event", "Probe", "QueueState"]

L1_CLIENTS = ("eject_data", "eject_reduce", "out", "matrix", "vector_write", "vector_read")
"""Clients of an L1 by falling priority: what arrives must always be consumed; what leaves keeps
other tiles waiting, and takes one access for a line's worth of flits; the matrix engine is what
must not wait.
"""


class ErrorCode(IntEnum):
    """Why a tile stopped the machine. The first error of a tile wins."""

    NONE = 0
    BAD_CHECKSUM = 1
    """an instruction's bytes do not XOR to 0xA5"""
    ILLEGAL = 2
    """unknown opcode, another engine's opcode, or an operand the engine refuses"""
    BAD_HEADER = 3
    """the program image does not start with a header"""
    BAD_LOOP = 4
    """END without LOOP, nesting too deep, zero iterations"""
    SEMAPHORE_OVERFLOW = 5
    """a signal or an arriving bump would exceed the counter"""
    ADDRESS = 6
    """an L1 access beyond the L1"""
    REMOTE_ADDRESS = 7
    """an arriving flit addresses a word beyond the L1 or the program memory"""
    REDUCE_MISMATCH = 8
    """flits that meet in a join belong to different collectives or have a different sequence"""
    RECTANGLE = 9
    """an empty rectangle or one outside the mesh, or a root or channel that is not there"""
    REDUCE_INCOMPLETE = 10
    """nothing moves any more, and a reduction still waits for a member"""


class QueueState(IntEnum):
    """What a sequencer does in a cycle."""

    BOOT = 0
    FETCH = 1  # reading or decoding an instruction
    WAIT0 = 2  # waiting for the first semaphore
    WAIT1 = 3  # waiting for the second semaphore
    ENGINE = 4  # instruction ready, engine not
    DRAIN = 5  # HALT or SYNC waiting for earlier instructions to complete
    HALTED = 6
    ERROR = 7


class Event(IntEnum):
    """What a tile shows as it happens, each with the tag of the transfer."""

    ISSUE_LOAD = 0  # the load queue hands a command to its engine
    ISSUE_OUT = 1  # the out queue hands a command to its engine
    INJECT = 2  # a flit of the out engine enters a network
    WRITE_DATA = 3  # a word that came by the data network is written to L1
    WRITE_REDUCE = 4  # a word that came by the reduction network is written to L1


class Probe(IntEnum):
    """Index of a 32-bit value in a tile's probe port, read after (or during) a run. Counters count
    from the start signal.
    """

    ERROR = 0  # ErrorCode | queue << 8 | pc << 16 (queue 0xFF: the network or L1)
    ERROR_CYCLE = 1
    ERROR_DETAIL = 2  # tag of a reduction, address of a range error
    MATRIX_ACTIVE = 3  # cycles in which the PE array accepted a step
    MATRIX_BUSY = 4  # cycles with a matmul in flight
    MATRIX_OPERAND_STALL = 5  # cycles in which the array waited for operands from L1
    MATRIX_DRAIN_STALL = 6  # cycles in which the array waited for room to put results
    VECTOR_ACTIVE = 7  # cycles in which the lanes accepted a chunk
    VECTOR_BUSY = 8  # cycles with a vector instruction in flight
    LOAD_REQUESTS = 9  # HBM read requests issued
    OUT_FLITS = 10  # flits injected by STORE, PUT and REDUCE
    OUT_STALL = 11  # cycles in which the out engine had a flit that the network did not take
    EJECT_FLITS = 12  # words written to L1 by arriving flits
    L1_CONFLICT = 13  # cycles in which at least one L1 request was not granted
    FLITS_DATA = 16  # +0..3: flits sent west, east, south, north on the data network
    FLITS_REQUEST = 20  # likewise on the request network
    FLITS_REDUCE = 24  # likewise on the reduction network
    QUEUE = 32  # +16*queue: see QUEUE_PROBES
    SEMAPHORE = 96  # +semaphore: its count


QUEUE_PROBES = (
    "pc",
    "state",
    "wait_sem",
    "wait_count",
    "cycles_fetch",
    "cycles_wait",
    "cycles_engine",
    "instructions",
)
"""Probes of one queue, from Probe.QUEUE + 16*queue: pc and QueueState now, what it waits for,
cycles by cause, retired count.
"""
