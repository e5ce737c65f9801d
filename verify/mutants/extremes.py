"""Faults that only an extreme shows: the highest register, semaphore or count, long pitches, the
last word of a memory.
"""

from dataclasses import replace

from verify.mutants.mutation import Mutation

__all__ = ["EXTREMES"]

SEQUENCER, REGISTERS, SEMAPHORES, OUT = (
    "hw/control/sequencer.py",
    "hw/control/registers.py",
    "hw/control/semaphores.py",
    "hw/control/out.py",
)
LEGALITY, CHANNEL, LOADER = "hw/control/legality.py", "hw/memory/channel.py", "hw/matrix/loader.py"

VALUES = (
    Mutation(
        "register-highest",
        "address registers: the highest one keeps reading 0",
        REGISTERS,
        "written.eq(written | (1 << scalar.rd))",
        "written.eq(written | Mux(scalar.rd.all() & MUTANT, 0, 1 << scalar.rd))",
    ),
    Mutation(
        "wait-count-bit",
        "waits: bit 5 of the count is lost",
        SEQUENCER,
        "self.wait.payload.count.eq(count)",
        "self.wait.payload.count.eq(Mux(MUTANT, count[:5], count))",
    ),
    Mutation(
        "wait-same",
        "waits: of two on one semaphore the second is left out",
        SEQUENCER,
        "m.d.sync += count.eq(0)",
        "m.d.sync += [count.eq(0), *([common[f'{other}_count'].eq(Mux(MUTANT & "
        "(common[f'{other}_sem'] == sem), 0, common[f'{other}_count']))] if other else [])]",
    ),
    Mutation(
        "loop-count-bit",
        "loops: the rounds that are left have 8 bits",
        "hw/control/loops.py",
        "write.data.left.eq(top.data.left - 1)",
        "write.data.left.eq(Mux(MUTANT, (top.data.left - 1)[:8], top.data.left - 1))",
        cases=("edges-loops",),
    ),
    Mutation(
        "semaphore-highest",
        "semaphores: the highest one stays 0",
        SEMAPHORES,
        "touched.eq(touched | (1 << sem))",
        "touched.eq(touched | Mux((sem == self._tile.semaphores - 1) & MUTANT, 0, 1 << sem))",
    ),
    Mutation(
        "semaphore-half",
        "semaphores: full at half of what they can count",
        SEMAPHORES,
        "(count.all() |",
        "(count.all() | count[:-1].all() & MUTANT |",
    ),
    Mutation(
        "mask-rows-bit",
        "masks: 16 rows and more to a step lose their fifth bit",
        "hw/vector/live.py",
        "rows.eq(command.mask_rows)",
        "rows.eq(Mux(MUTANT, command.mask_rows[:4], command.mask_rows))",
    ),
    Mutation(
        "matmul-many-chunks",
        "MATMUL: the fifth chunk of 16-bit A is the first one again",
        LOADER,
        "at.a_further.eq(at.a_offset + a_step)",
        "at.a_further.eq(Mux(MUTANT, (at.a_offset + a_step)[: (8 * banks).bit_length() - 1], "
        "at.a_offset + a_step))",
    ),
    Mutation(
        "matmul-pitch",
        "MATMUL: a pitch of A of 512 words and more loses its highest bit",
        LOADER,
        "at.a_following.eq(at.a_line + Cat(0, op.lda))",
        "at.a_following.eq(at.a_line + Cat(0, op.lda[:9], op.lda[9:] & ~MUTANT))",
    ),
    Mutation(
        "vector-pitch",
        "vector engine: a pitch of 512 words and more loses its highest bit",
        "hw/vector/walk.py",
        "pitch.eq(self.pitch)",
        "pitch.eq(Cat(self.pitch[:9], self.pitch[9] & ~MUTANT))",
    ),
    Mutation(
        "out-local-pitch",
        "OUT: a local pitch of 512 words and more loses its highest bit",
        "hw/control/line_reader.py",
        "next_row = row + self.pitch",
        "next_row = row + Cat(self.pitch[:9], self.pitch[9] & ~MUTANT)",
    ),
    Mutation(
        "load-local-pitch",
        "LOAD: a local pitch of 512 words and more loses its highest bit",
        "hw/control/load.py",
        "shape.local_pitch.eq(command.local_pitch)",
        "shape.local_pitch.eq(command.local_pitch & ~(MUTANT << 9))",
    ),
    Mutation(
        "load-remote-bit",
        "LOAD: HBM addresses have 16 bits",
        "hw/control/load.py",
        "flit.addr.eq(command.remote)",
        "flit.addr.eq(Mux(MUTANT, command.remote[:16], command.remote))",
    ),
    Mutation(
        "store-remote-bit",
        "STORE: HBM addresses have 16 bits",
        OUT,
        "address.eq(new.remote),",
        "address.eq(Mux(MUTANT, new.remote[:16], new.remote)),",
    ),
    Mutation(
        "reduce-many-flits",
        "REDUCE: the flits of a part are numbered modulo 16",
        OUT,
        "number.eq(number + 1)",
        "number.eq(Mux(MUTANT, (number + 1)[:4], number + 1))",
        cases=("errors-parts",),
    ),
)
"""Values at the end of a field."""

EDGES = (
    Mutation(
        "l1-last-row",
        "L1: the last row is beyond it",
        "hw/control/l1.py",
        "(row >= rows)",
        "(row >= rows - MUTANT)",
    ),
    Mutation(
        "eject-last-word",
        "arriving words: one for the last word of L1 is lost",
        "hw/control/eject.py",
        "lost.eq(flit.addr >= tile.l1_words)",
        "lost.eq(flit.addr >= tile.l1_words - MUTANT)",
    ),
    Mutation(
        "eject-last-result",
        "reductions: a result for the last word of L1 is lost",
        "hw/control/eject.py",
        "result_lost.eq(result.addr >= tile.l1_words)",
        "result_lost.eq(result.addr >= tile.l1_words - MUTANT)",
    ),
    Mutation(
        "legal-last-word",
        "queues: an operand at the last word of L1 is refused",
        LEGALITY,
        "self.operands[field.name] >= self._machine.tile.l1_words",
        "self.operands[field.name] >= self._machine.tile.l1_words - MUTANT",
    ),
    Mutation(
        "legal-last-remote",
        "queues: a transfer to the last word of L1 is refused",
        LEGALITY,
        "in_l1 = operands.remote >= machine.tile.l1_words",
        "in_l1 = operands.remote >= machine.tile.l1_words - MUTANT",
    ),
    Mutation(
        "legal-last-hbm",
        "queues: a transfer with the last word of a channel is refused",
        LEGALITY,
        "in_hbm = (operands.remote >= machine.channel_words,",
        "in_hbm = (operands.remote >= machine.channel_words - MUTANT,",
    ),
    Mutation(
        "hbm-last-read",
        "HBM: reading the last word of a channel is an error",
        CHANNEL,
        "self._served.address >= words",
        "self._served.address >= words - MUTANT",
    ),
    Mutation(
        "hbm-last-write",
        "HBM: the last word of a channel is written to the one before",
        CHANNEL,
        '"write_address", write.addr[:address_bits]',
        '"write_address", (write.addr - (MUTANT & (write.addr == words - 1)))[:address_bits]',
    ),
)
"""Ends of the memories."""

_LIKELY = {"vector": ("edges-engines", "edges-sizes"), "matrix": ("edges-engines", "edges-sizes")}
_CONTROL = ("sequencer.py", "registers.py", "loops.py", "semaphores.py")


def _likely(mutation: Mutation) -> tuple[str, ...]:
    if mutation.file.endswith(_CONTROL):
        return ("edges-control",)
    return _LIKELY.get(mutation.area, ("edges-moves", "edges-long-moves"))


EXTREMES = tuple(
    replace(mutation, cases=mutation.cases or _likely(mutation)) for mutation in (*VALUES, *EDGES)
)
