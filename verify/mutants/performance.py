"""Faults that change cycles and no bits: less bandwidth, nothing ahead of its use, queues of one,
arbiters with a favourite, bubbles, offers that do not stay.
"""

from verify.mutants.mutation import Mutation

__all__ = ["PERFORMANCE"]

CHANNEL, COMPLETION, LOADER = (
    "hw/memory/channel.py",
    "hw/control/completion.py",
    "hw/matrix/loader.py",
)
ENGINE, WRITER, READER = "hw/vector/engine.py", "hw/vector/writer.py", "hw/vector/reader.py"

PERFORMANCE = (
    Mutation(
        "slow-hbm-bandwidth",
        "HBM: half the bandwidth",
        CHANNEL,
        "grown = allowance + self.bytes_per_cycle -",
        "grown = allowance + Mux(MUTANT, self.bytes_per_cycle >> 1, self.bytes_per_cycle) -",
        slow=True,
    ),
    Mutation(
        "slow-hbm-bubble",
        "HBM: a cycle of nothing after every word that is read",
        CHANNEL,
        "return allowance >= word_bytes",
        "return (allowance >= word_bytes) & ~(self._pending & MUTANT)",
        slow=True,
    ),
    Mutation(
        "slow-hbm-latency",
        "HBM: a read begins 8 cycles late",
        CHANNEL,
        "due = (now - self._served.stamp)[:32] + 5 >= self.latency",
        "due = (now - self._served.stamp)[:32] + 5 >= self.latency + Mux(MUTANT, 8, 0)",
        slow=True,
    ),
    Mutation(
        "slow-hbm-output",
        "HBM: one word at a time is on its way out",
        CHANNEL,
        "room.eq(self._output.w_level + self._pending < OUTPUT_QUEUE)",
        "room.eq(self._output.w_level + self._pending < Mux(MUTANT, 1, OUTPUT_QUEUE))",
        slow=True,
    ),
    Mutation(
        "slow-hbm-reads-first",
        "HBM: writes wait as long as there are reads",
        CHANNEL,
        "want_write & ~(want_read & wrote_last)",
        "want_write & ~(want_read & (wrote_last | MUTANT))",
        slow=True,
        cases=("meetings-requests", "edges-floods"),
    ),
    Mutation(
        "slow-arbiter",
        "links: an arbiter always prefers its first input",
        "hw/network/arbiter.py",
        "preferred.eq(self.request & after)",
        "preferred.eq(self.request & after & ~MUTANT.replicate(self.inputs))",
        slow=True,
    ),
    Mutation(
        "slow-merge",
        "tile: what leaves it never takes turns",
        "hw/tile/merge.py",
        "with m.If(~held), m.Switch(last):",
        "with m.If(~held), m.Switch(Mux(MUTANT, 0, last)):",
        slow=True,
        cases=("meetings-requests", "edges-floods"),
    ),
    Mutation(
        "slow-link-fifo",
        "links: a router's inputs hold one flit",
        "hw/network/router.py",
        "wiring.connect(m, wiring.flipped(self.i[port]), fifo.i)",
        "m.d.comb += [fifo.i.payload.eq(self.i[port].payload), "
        "fifo.i.valid.eq(self.i[port].valid & self.i[port].ready), "
        "self.i[port].ready.eq(fifo.i.ready & ~(fifo.o.valid & MUTANT))]",
        slow=True,
    ),
    Mutation(
        "slow-reduce-room",
        "reductions: one result at a time is on its way to an output",
        "hw/network/reduce_router.py",
        "room.eq(Cat(count != slots for count in used))",
        "room.eq(Cat(count < Mux(MUTANT, 1, slots) for count in used))",
        slow=True,
    ),
    Mutation(
        "slow-sums",
        "reductions: a sum begins when the last one has ended",
        "hw/network/combine.py",
        "self.i.ready.eq(~(is_sum & again[0]) & ((due >> wait) == 0))",
        "self.i.ready.eq(~(is_sum & again[0]) & ((due >> wait) == 0) & ~(due.any() & MUTANT))",
        slow=True,
    ),
    Mutation(
        "slow-one-command",
        "queues: an engine has one command at a time",
        COMPLETION,
        "self.full.eq(level == self._depth)",
        "self.full.eq((level == self._depth) | (level.any() & MUTANT))",
        slow=True,
    ),
    Mutation(
        "slow-signal-timer",
        "queues: a signal waits for a timer",
        COMPLETION,
        "with m.If(complete.any() & ~self.stop):",
        "timer = Signal(5)\n        m.d.sync += timer.eq(timer + 1)\n"
        "        with m.If(complete.any() & ~self.stop & (~timer[3:].any() | ~MUTANT)):",
        slow=True,
    ),
    Mutation(
        "slow-fetch-turns",
        "program memory: the queues do not take turns",
        "hw/control/program.py",
        "with m.Switch(last):",
        "with m.Switch(Mux(MUTANT, 0, last)):",
        slow=True,
    ),
    Mutation(
        "slow-load-ahead",
        "MATMUL: no operand is loaded before the chunk before it is used",
        LOADER,
        "begin.eq(used != 2)",
        "begin.eq((used != 2) & ~(used.any() & MUTANT))",
        slow=True,
    ),
    Mutation(
        "slow-line-bubble",
        "MATMUL: a bubble after every line of B",
        LOADER,
        "m.d.comb += [self.read.valid.eq(1), self.tag.b.eq(1)]\n"
        "with m.If(self.read.ready):\n"
        "m.d.sync += [at.b_line",
        "pause = Signal()\n"
        "        m.d.sync += pause.eq(~pause)\n"
        "        m.d.comb += [self.read.valid.eq(pause | ~MUTANT), self.tag.b.eq(1)]\n"
        "        with m.If(self.read.ready & self.read.valid):\n"
        "            m.d.sync += [at.b_line",
        slow=True,
    ),
    Mutation(
        "slow-step",
        "MATMUL: a chunk begins when all its lines are there",
        "hw/matrix/stepper.py",
        "self.valid.eq(self.chunk.valid & ~bubble & here & prepared)",
        "self.valid.eq(self.chunk.valid & ~bubble & here & prepared & "
        "(self.complete.bit_select(buffer, 1) | ~MUTANT))",
        slow=True,
    ),
    Mutation(
        "slow-vector-start",
        "vector engine: an instruction begins a cycle after the last one has ended",
        ENGINE,
        "self.command.ready.eq(~self.busy | self.done)",
        "self.command.ready.eq(~self.busy | self.done & ~MUTANT)",
        slow=True,
    ),
    Mutation(
        "slow-vector-reads",
        "vector engine: no line of A is read ahead",
        READER,
        "can_a, can_b = walk_a.valid & lines_a.room, walk_b.valid & lines_b.room",
        "can_a, can_b = walk_a.valid & lines_a.room & ~(lines_a.reserved.any() & MUTANT), "
        "walk_b.valid & lines_b.room",
        slow=True,
    ),
    Mutation(
        "slow-vector-writes",
        "vector engine: one line of results waits for L1",
        WRITER,
        "self.stall.eq((level == DEPTH) | statistics.full)",
        "self.stall.eq((level >= Mux(MUTANT, 1, DEPTH)) | statistics.full)",
        slow=True,
    ),
    Mutation(
        "slow-out-reads",
        "OUT: no line is read ahead",
        "hw/control/line_reader.py",
        "active & (in_use != LINES)",
        "active & (in_use < Mux(MUTANT, 1, LINES))",
        slow=True,
    ),
    Mutation(
        "slow-l1",
        "L1: one access a cycle, whichever banks it needs",
        "hw/control/l1.py",
        "used = used | served",
        "used = used | served | (take & MUTANT).replicate(count)",
        slow=True,
    ),
    Mutation(
        "slow-sync",
        "queues: a wait is looked at every fourth cycle",
        "hw/control/semaphores.py",
        "granted = 0",
        "moment = Signal(2)\n        m.d.sync += moment.eq(moment + 1)\n"
        "        granted = moment.any() & MUTANT",
        slow=True,
    ),
    Mutation(
        "arbiter-takes-back",
        "links: an arbiter takes an offer back",
        "hw/network/arbiter.py",
        "locked.eq(Mux(self.taken, 0, self.grant))",
        "locked.eq(Mux(self.taken | MUTANT, 0, self.grant))",
        slow=True,
    ),
    Mutation(
        "writer-offered",
        "arriving words: a word joins those that L1 has been offered already",
        "hw/control/line_writer.py",
        "m.d.sync += offered.eq(",
        "m.d.sync += offered.eq(~MUTANT & ",
        slow=True,
        cases=("edges-floods",),
    ),
)
