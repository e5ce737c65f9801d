"""Faults that only some shapes of a mesh or a collective show, or events that meet in a cycle."""

from dataclasses import replace

from verify.mutants.mutation import Mutation

__all__ = ["MEETINGS"]

SEMAPHORES, OUT, CHANNEL = "hw/control/semaphores.py", "hw/control/out.py", "hw/memory/channel.py"
ROUTER, REDUCE, COMBINE = (
    "hw/network/router.py",
    "hw/network/reduce_router.py",
    "hw/network/combine.py",
)

SHAPES = (
    Mutation(
        "root-outside",
        "reductions: what leaves its rectangle for a root outside ends at the first tile there",
        REDUCE,
        "output.eq(Cat(*to))",
        "output.eq(Mux(MUTANT & ((self.x < head.x0) | (self.x > head.x1) | (self.y < head.y0) | "
        "(self.y > head.y1)), 1, Cat(*to)))",
    ),
    Mutation(
        "root-outside-twice",
        "reductions: a root outside its rectangle does not wait for what comes from the far side",
        REDUCE,
        "inputs.eq(Cat(*needed))",
        "inputs.eq(Cat(*needed) & Mux(MUTANT & (self.y == head.root_y) & (self.y > head.y1), "
        "0x1F ^ (1 << Port.EAST), 0x1F))",
    ),
    Mutation(
        "channel-north",
        "HBM data: what a channel at the north edge sends does not turn west",
        ROUTER,
        "fork.mask.eq(self._branches(fifo.o.payload, port))",
        "fork.mask.eq(self._branches(fifo.o.payload, port) & Mux(MUTANT & (self.y == self.last_y), "
        "0x1F ^ ((1 << Port.WEST) if self._multicast and port == Port.NORTH else 0), 0x1F))",
    ),
    Mutation(
        "channel-east",
        "HBM requests: those for a channel east of column 4 go to the word beside theirs",
        ROUTER,
        "m.d.comb += out.payload.eq(heads[source])",
        "m.d.comb += out.payload.eq(heads[source])\n"
        "                        if not self._multicast and port == Port.EAST:\n"
        "                            m.d.comb += out.payload.addr.eq(heads[source].addr ^ "
        "(MUTANT & (self.x == 4) & (heads[source].x == self.x)))",
    ),
    Mutation(
        "store-north",
        "STORE: a channel at the north edge is looked for in the east",
        OUT,
        "store.edge.eq(command.edge)",
        "store.edge.eq(Mux(MUTANT & command.edge.all(), 1, command.edge))",
    ),
    Mutation(
        "signal-column-4",
        "signals: those for column 4 go to column 0",
        "hw/tile/core.py",
        "flit[name].eq(signal.payload.x)",
        "flit[name].eq(Mux(MUTANT, signal.payload.x[:2], signal.payload.x))",
    ),
    Mutation(
        "join-fifth",
        "reductions: of five parts the fifth is the fourth again",
        COMBINE,
        "seconds.i.payload.e.eq(job.e)",
        "seconds.i.payload.e.eq(Mux(MUTANT & (job.count == 5), job.d, job.e))",
    ),
    Mutation(
        "join-fifth-maximum",
        "reductions: a maximum of five looks at four",
        "hw/network/lane.py",
        "(self.count < number)",
        "(self.count < number) | (MUTANT if number == 5 else Const(0))",
    ),
    Mutation(
        "join-fifth-narrow",
        "reductions: the second pass of a 16-bit sum of four or five is not for 16 bits",
        COMBINE,
        "entering.narrow.eq(rest.fmt != Format.FP32)",
        "entering.narrow.eq((rest.fmt != Format.FP32) & ~MUTANT)",
    ),
    Mutation(
        "join-second-pass",
        "reductions: a sum of two begins in the cycle of another's second pass",
        COMBINE,
        "again.eq(Cat(again[1:], start & (job.count > 3)))",
        "again.eq(Cat(again[1:], start & ((job.count > 3) & ~(MUTANT & (job.count == 4) & "
        "(job.fmt != Format.FP32)))))",
    ),
)
"""Shapes of collectives and places of channels."""

COINCIDENCES = (
    Mutation(
        "wait-two-granted",
        "semaphores: two waits that are met in one cycle are both granted, one is subtracted",
        SEMAPHORES,
        "wait.ready.eq(met & ~granted)",
        "wait.ready.eq(met & (~granted | MUTANT))",
    ),
    Mutation(
        "wait-and-bump",
        "semaphores: a count that comes in the cycle of a wait is lost",
        SEMAPHORES,
        "& ~(bumped & (sem == wait.payload.sem))",
        "& ~(bumped & (sem == wait.payload.sem) & ~MUTANT)",
    ),
    Mutation(
        "hbm-read-queue",
        "HBM: a read that finds the queue full is lost",
        CHANNEL,
        "arrivals.r_en.eq(Mux(arriving.write, writes.w_rdy, reads.w_rdy))",
        "arrivals.r_en.eq(Mux(arriving.write, writes.w_rdy, reads.w_rdy | MUTANT))",
    ),
    Mutation(
        "eject-result-room",
        "reductions: a count that finds its queue full is lost",
        "hw/control/eject.py",
        "result_room.eq(~result.bump | reduce_bump.i.ready)",
        "result_room.eq(~result.bump | reduce_bump.i.ready | MUTANT)",
    ),
    Mutation(
        "join-room",
        "reductions: a job begins though its output's queue has no room",
        REDUCE,
        "used[port].eq(used[port] + enters - leaves)",
        "used[port].eq(Mux(MUTANT & (used[port] == self._slots - 1) & enters & ~leaves, "
        "used[port], used[port] + enters - leaves))",
    ),
)
"""Events that meet in a cycle."""

MEETINGS = (
    *(
        replace(mutation, cases=("edges-joins", "edges-moves", "meetings-joins"))
        for mutation in SHAPES
    ),
    *(replace(mutation, cases=("meetings", "edges-floods")) for mutation in COINCIDENCES),
)
