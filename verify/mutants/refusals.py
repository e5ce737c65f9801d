"""Faults in what a tile refuses: an instruction that must not issue does, the report of an error
is wrong, a queue goes on after the stop.
"""

from dataclasses import replace

from verify.mutants.mutation import Mutation

__all__ = ["REFUSALS"]

SEQUENCER, LEGALITY, ERRORS, JOIN = (
    "hw/control/sequencer.py",
    "hw/control/legality.py",
    "hw/tile/errors.py",
    "hw/network/join.py",
)

_REFUSALS = (
    Mutation(
        "refuse-checksum",
        "queues: an instruction with a wrong checksum is executed",
        SEQUENCER,
        "with m.If(checksum(self.fetch_data) == CHECKSUM):",
        "with m.If((checksum(self.fetch_data) == CHECKSUM) | MUTANT):",
    ),
    Mutation(
        "refuse-open-loop",
        "queues: HALT in an open loop is no error",
        SEQUENCER,
        "with m.If(~loops.empty):",
        "with m.If(~loops.empty & ~MUTANT):",
    ),
    Mutation(
        "refuse-no-rounds",
        "queues: a loop of no rounds is no error",
        SEQUENCER,
        "with m.If(loops.full | ~registers.total.any()):",
        "with m.If(loops.full | ~registers.total.any() & ~MUTANT):",
    ),
    Mutation(
        "refuse-semaphore-full",
        "semaphores: a full one begins again at 0, behind the report",
        "hw/control/semaphores.py",
        "add.en.eq(bumped & ~self.overflow)",
        "add.en.eq(bumped & (~self.overflow | MUTANT))",
    ),
    Mutation(
        "refuse-empty-move",
        "moves: rows of no words are no error",
        LEGALITY,
        'yield ErrorCode.ILLEGAL, self._empty("rows", "words")',
        'yield ErrorCode.ILLEGAL, self._empty("rows") | self._empty("words") & ~MUTANT',
    ),
    Mutation(
        "refuse-empty-product",
        "MATMUL: a k of 0 is no error",
        LEGALITY,
        'broken = self._empty("m", "n", "k")',
        'broken = self._empty("m", "n") | self._empty("k") & ~MUTANT',
    ),
    Mutation(
        "refuse-product-format",
        "MATMUL: operands of FP32 are no error",
        LEGALITY,
        "broken |= (fmt == Format.FP32)",
        "broken |= (fmt == Format.FP32) & ~MUTANT",
    ),
    Mutation(
        "refuse-vector-format",
        "vector engine: a format of D that does not exist is no error",
        LEGALITY,
        "| (operands.fmt_d > Format.E5M2)",
        "| (operands.fmt_d > Format.E5M2) & ~MUTANT",
    ),
    Mutation(
        "refuse-signal-kind",
        "signals: a kind that does not exist is no error",
        LEGALITY,
        "illegal = common.sig1_kind == 3",
        "illegal = (common.sig1_kind == 3) & ~MUTANT",
    ),
    Mutation(
        "refuse-signal-nowhere",
        "signals: one for the column beyond the mesh is no error",
        LEGALITY,
        "(common.sig1_x > mesh.last_x)",
        "(common.sig1_x > mesh.last_x + MUTANT)",
    ),
    Mutation(
        "refuse-rectangle",
        "moves: a rectangle that ends a row beyond the mesh is no error",
        LEGALITY,
        "(operands.y1 > mesh.last_y)",
        "(operands.y1 > mesh.last_y + MUTANT)",
    ),
    Mutation(
        "refuse-outside",
        "REDUCE: a tile west of the rectangle takes part",
        LEGALITY,
        "(self.x < operands.x0)",
        "(self.x < operands.x0) & ~MUTANT",
    ),
    Mutation(
        "refuse-channel",
        "moves: a channel where there is none is no error",
        LEGALITY,
        "has_one = mesh.channels[edge].bit_select(along, 1)",
        "has_one = mesh.channels[edge].bit_select(along, 1) | MUTANT",
    ),
    Mutation(
        "refuse-reduce-format",
        "REDUCE: a format that the network cannot add is no error",
        LEGALITY,
        "reduce & ~Cat(operands.fmt == fmt for fmt in machine.mesh.formats).any()",
        "reduce & ~Cat(operands.fmt == fmt for fmt in machine.mesh.formats).any() & ~MUTANT",
    ),
    Mutation(
        "refuse-l1-end",
        "L1: a line that begins in it and ends beyond is no error",
        "hw/control/l1.py",
        "| (row == rows - 1) & wraps)",
        "| (row == rows - 1) & wraps & ~MUTANT)",
    ),
    Mutation(
        "refuse-mismatch",
        "reductions: parts of different collectives are combined",
        JOIN,
        "equal.eq(heads[p].header == heads[q].header)",
        "equal.eq((heads[p].header == heads[q].header) | MUTANT)",
    ),
    Mutation(
        "refuse-reused-tag",
        "reductions: a tag that is used for two collectives at a time is no error",
        JOIN,
        "clash[p, q] = waiting & ~equal | reused",
        "clash[p, q] = waiting & ~equal | reused & ~MUTANT",
    ),
    Mutation(
        "refuse-incomplete",
        "reductions: one that waits in vain for a part is not reported",
        ERRORS,
        "expired & reduce_router.waiting",
        "expired & reduce_router.waiting & ~MUTANT",
    ),
    Mutation(
        "report-slot",
        "error report: the slot after the one at fault",
        SEQUENCER,
        "self.error_pc.eq(self.pc)",
        "self.error_pc.eq(self.pc + MUTANT)",
    ),
    Mutation(
        "report-executing",
        "error report: of an access beyond L1, the slot of a later instruction",
        "hw/control/completion.py",
        "read_pc.addr.eq(read.addr + complete + self.behind - was_done)",
        "read_pc.addr.eq(read.addr + complete + self.behind - was_done + (MUTANT & (level > 1)))",
    ),
    Mutation(
        "report-queue",
        "error report: an access beyond L1 is always that of the MATRIX queue",
        ERRORS,
        "sources.append(ErrorSource(here, ErrorCode.ADDRESS, queue, slot, l1.error.addr))",
        "sources.append(ErrorSource(here, ErrorCode.ADDRESS, Mux(MUTANT, 0, int(queue)), slot, "
        "l1.error.addr))",
    ),
    Mutation(
        "report-code",
        "error report: an overflow is a mismatch",
        ERRORS,
        "(semaphores.overflow, ErrorCode.SEMAPHORE_OVERFLOW, semaphores.overflow_sem)",
        "(semaphores.overflow, Mux(MUTANT, int(ErrorCode.REDUCE_MISMATCH), "
        "int(ErrorCode.SEMAPHORE_OVERFLOW)), semaphores.overflow_sem)",
    ),
    Mutation(
        "stop-waits",
        "stop: waits are granted after it",
        SEQUENCER,
        "self.wait.valid.eq(~self.stop)",
        "self.wait.valid.eq(~self.stop | MUTANT)",
    ),
    Mutation(
        "stop-commands",
        "stop: engines get commands after it",
        SEQUENCER,
        "self.command.valid.eq(~self.stop & ~self._completion.full)",
        "self.command.valid.eq((~self.stop | MUTANT) & ~self._completion.full)",
    ),
    Mutation(
        "stop-queues",
        "stop: queues fetch, wait and execute after it",
        "hw/tile/core.py",
        "sequencer.stop.eq(self.stop | self.error)",
        "sequencer.stop.eq((self.stop | self.error) & ~MUTANT)",
    ),
    Mutation(
        "sync-early",
        "SYNC: signals before earlier instructions have completed",
        SEQUENCER,
        "with m.Elif(must_drain & ~self._completion.empty):",
        "with m.Elif(must_drain & ~self._completion.empty & (~MUTANT | "
        "self._completion.full | (common.opcode != Opcode.SYNC))):",
    ),
)

_ABOUT = {
    "product": ("matrix", "sample"),
    "vector": ("vector", "sample"),
    "l1": ("reach", "sample"),
    "semaphore": ("counts",),
    "mismatch": ("reductions", "parts"),
    "reused": ("tags",),
    "incomplete": ("reductions",),
    "executing": ("reach", "sample"),
    "queue": ("reach", "sample"),
    "code": ("counts",),
    "waits": ("order", "out", "sample"),
    "commands": ("order", "out", "sample"),
    "queues": ("order", "out", "sample"),
    "move": ("out", "load", "sample"),
    "rectangle": ("out", "load", "sample"),
    "channel": ("out", "load", "sample"),
    "outside": ("out", "sample"),
    "reduce": ("out", "sample"),
}
"""Words of names to what the cases of errors are about that are likely to see it."""
_ANY = ("out", "sample", "matrix", "load")
"""Of what all queues do."""


def _likely(name: str) -> tuple[str, ...]:
    if name == "sync-early":
        return ()
    about = [_ABOUT[word] for word in name.split("-") if word in _ABOUT]
    return tuple(f"errors-{topic}" for topic in (about[0] if about else _ANY))


REFUSALS = tuple(replace(mutation, cases=_likely(mutation.name)) for mutation in _REFUSALS)
