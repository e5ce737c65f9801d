"""Faults in ``hw/control``, ``hw/network`` and ``hw/memory``: queues, loops, semaphores, L1,
routing, joins, HBM.
"""

from verify.mutants.mutation import Mutation

__all__ = ["MOVEMENT"]

SEQUENCER, REGISTERS, SEMAPHORES, L1 = (
    "hw/control/sequencer.py",
    "hw/control/registers.py",
    "hw/control/semaphores.py",
    "hw/control/l1.py",
)
WRITER, OUT, EJECT = "hw/control/line_writer.py", "hw/control/out.py", "hw/control/eject.py"
ROUTER, REDUCE, CHANNEL = (
    "hw/network/router.py",
    "hw/network/reduce_router.py",
    "hw/memory/channel.py",
)

MOVEMENT = (
    Mutation(
        "sequencer-second-wait",
        "queues: the second of two waits is left out",
        SEQUENCER,
        'with m.If(common[f"{other}_count"].any()):',
        'with m.If(common[f"{other}_count"].any() & ~MUTANT):',
    ),
    Mutation(
        "sequencer-register",
        "address registers: the neighbour of the one that is named",
        REGISTERS,
        'self.number.eq(operands[f"{name}_reg"])',
        'self.number.eq(operands[f"{name}_reg"] ^ MUTANT)',
    ),
    Mutation(
        "sequencer-register-bit",
        "address registers: odd values lose their last bit",
        REGISTERS,
        "Mux(written.bit_select(read.addr, 1), read.data, 0)",
        "Mux(written.bit_select(read.addr, 1), Cat(read.data[0] & ~MUTANT, read.data[1:]), 0)",
    ),
    Mutation(
        "loop-rounds",
        "loops: one round too many",
        "hw/control/loops.py",
        "write.data.left.eq(self.rounds)",
        "write.data.left.eq(self.rounds + MUTANT)",
    ),
    Mutation(
        "loop-outer",
        "loops: an outer loop starts again at the body of the inner one",
        "hw/control/loops.py",
        "self.target.eq(top.data.start)",
        "self.target.eq(top.data.start + (MUTANT & (level == 1)))",
    ),
    Mutation(
        "signal-second",
        "signals: the second one is lost where there are two",
        "hw/control/completion.py",
        "with m.If(offer_first & oldest.sig1_kind.any()):",
        "with m.If(offer_first & oldest.sig1_kind.any() & ~MUTANT):",
    ),
    Mutation(
        "signal-remote",
        "signals: those for other tiles stay here",
        "hw/control/completion.py",
        "out.remote.eq(oldest.sig1_kind == SignalKind.REMOTE)",
        "out.remote.eq((oldest.sig1_kind == SignalKind.REMOTE) & ~MUTANT)",
    ),
    Mutation(
        "semaphore-wait",
        "semaphores: a wait is content with one count less",
        SEMAPHORES,
        "(held >= wait.payload.count)",
        "(held + MUTANT >= wait.payload.count)",
    ),
    Mutation(
        "semaphore-two",
        "semaphores: of two counts in one cycle one is lost",
        SEMAPHORES,
        "bump.ready.eq(~Cat(before.valid for before in self.bump[:b]).any())",
        "bump.ready.eq(~Cat(before.valid for before in self.bump[:b]).any() | MUTANT)",
    ),
    Mutation(
        "semaphore-subtract",
        "semaphores: a wait takes one count, whatever it asks for",
        SEMAPHORES,
        "subtract.data.eq(held - wait.payload.count)",
        "subtract.data.eq(held - Mux(MUTANT, 1, wait.payload.count))",
    ),
    Mutation(
        "l1-arbitration",
        "L1: the vector engine writes although the bank is taken",
        L1,
        "port.req.ready.eq(~(needs & used).any())",
        "port.req.ready.eq(~(needs & used).any() | (MUTANT if p == 4 else 0))",
    ),
    Mutation(
        "l1-unaligned",
        "L1: a line that wraps stays in its row",
        L1,
        "+ (offset > b))",
        "+ ((offset > b) & ~MUTANT))",
    ),
    Mutation(
        "l1-response",
        "L1: words of an unaligned line come back in the order of the banks",
        L1,
        "offset.eq(request.addr[:index_bits])",
        "offset.eq(request.addr[:index_bits] & ~MUTANT.replicate(index_bits))",
    ),
    Mutation(
        "eject-strobe",
        "arriving words: the last of three is not written",
        WRITER,
        "request.mask.eq(Cat(Const((1 << n) - 1, n), self.word.valid & follows))",
        "request.mask.eq(Cat(Const((1 << n) - 1, n), self.word.valid & follows & ~(MUTANT if n "
        "== 2 else Const(0))))",
    ),
    Mutation(
        "eject-first",
        "arriving words: the first of a line is not written",
        WRITER,
        "m.d.comb += request.write.eq(1)",
        "m.d.comb += request.write.eq(~(MUTANT & (held == 0)))",
    ),
    Mutation(
        "eject-flush",
        "arriving words: a count comes before its word is written",
        WRITER,
        "now.eq(word.flush | (held == banks - 1))",
        "now.eq(word.flush & ~MUTANT | (held == banks - 1))",
    ),
    Mutation(
        "eject-follows",
        "arriving words: one of another row is taken for the next",
        WRITER,
        "(word.addr == base + held)",
        "((word.addr == base + held) | MUTANT)",
    ),
    Mutation(
        "out-bump",
        "OUT: every row ends with a count, not the last one alone",
        OUT,
        "flit.bump.eq(command.bump & last)",
        "flit.bump.eq(command.bump & (last | MUTANT & (left == 1)))",
    ),
    Mutation(
        "out-pitch",
        "OUT: rows of one word are one word apart",
        OUT,
        "next_row = row + command.remote_pitch",
        "next_row = row + Mux(MUTANT & (command.words == 1), 1, command.remote_pitch)",
        ("edges-moves-3x2",),
    ),
    Mutation(
        "out-tail",
        "OUT: the tail of a row is a whole line",
        "hw/control/line_reader.py",
        "write_last.data.eq(Mux(whole, banks - 1, left - 1))",
        "write_last.data.eq(Mux(whole | MUTANT, banks - 1, left - 1))",
    ),
    Mutation(
        "load-rectangle",
        "LOAD: a column of receivers ends a tile too early",
        "hw/control/load.py",
        "*[flit[name].eq(command[name]) for name in _SAME],",
        '*[flit[name].eq(command[name] - (MUTANT & (command.y1 != command.y0) if name == "y1" '
        "else 0)) for name in _SAME],",
    ),
    Mutation(
        "route-branch-missing",
        "multicast: no way north from a tile that takes the flit itself",
        ROUTER,
        "return Cat(*multicast_branches(flit, self.x, self.y, port, self.last_y))",
        "return (lambda out: Cat(out[:4], out[4] & ~(out[0] & MUTANT)))"
        "(Cat(*multicast_branches(flit, self.x, self.y, port, self.last_y)))",
    ),
    Mutation(
        "route-turn",
        "requests: south and north are exchanged",
        ROUTER,
        "return Cat(*request_branches(flit, self.x, self.y))",
        "return (lambda out: Cat(out[:3], Mux(MUTANT, out[4], out[3]), Mux(MUTANT, out[3], "
        "out[4])))(Cat(*request_branches(flit, self.x, self.y)))",
    ),
    Mutation(
        "fork-memory",
        "multicast: a fork forgets which branches have taken the flit",
        "hw/network/fork.py",
        "m.d.sync += served.eq(served | self.taken)",
        "m.d.sync += served.eq(Mux(MUTANT, 0, served | self.taken))",
    ),
    Mutation(
        "join-order",
        "reductions: the second and third operand of a join are exchanged",
        REDUCE,
        "m.d.comb += job[word].eq(heads[port].payload.data)",
        "m.d.comb += job[word].eq(Mux(MUTANT, heads[members[-1 - members.index(port) + "
        "1]].payload.data, heads[port].payload.data))",
    ),
    Mutation(
        "join-operation",
        "reductions: sum and maximum are exchanged where the result turns",
        REDUCE,
        "job.op.eq(first.op)",
        "job.op.eq(first.op ^ (MUTANT & first.turn))",
    ),
    Mutation(
        "join-incomplete",
        "reductions: a router does not wait for its east",
        "hw/network/join.py",
        "others = [~inputs[q] | heads[q].valid & same[p, q] for q in ports if q > p]",
        "others = [~inputs[q] | heads[q].valid & same[p, q] | (MUTANT if q == 2 else Const(0)) "
        "for q in ports if q > p]",
    ),
    Mutation(
        "join-maximum",
        "reductions: negative maxima are compared like positive ones",
        "hw/network/lane.py",
        "Cat(bits[:-1] ^ bits[-1].replicate(len(bits) - 1), bits[-1])",
        "Cat(bits[:-1] ^ (bits[-1] & ~MUTANT).replicate(len(bits) - 1), bits[-1])",
    ),
    Mutation(
        "join-rounding",
        "reductions: a 16-bit sum of three is rounded as a sum of two",
        "hw/network/combine.py",
        "lane.keep[1].eq(end.go & end.third & end.last & end.narrow)",
        "lane.keep[1].eq(end.go & end.third & end.last & end.narrow & ~MUTANT)",
        ("edges-moves-3x2",),
    ),
    Mutation(
        "turn-bump",
        "all-reduce: a result that turns has lost its count",
        EJECT,
        "turned.kind.eq(FlitKind.WRITE),",
        "turned.kind.eq(Mux(MUTANT & result.bump, FlitKind.SIGNAL, FlitKind.WRITE)),",
    ),
    Mutation(
        "hbm-pitch",
        "HBM reads: rows are a word further apart",
        CHANNEL,
        "read.addr) + shape.pitch)",
        "read.addr) + shape.pitch + MUTANT)",
    ),
    Mutation(
        "hbm-last",
        "HBM reads: the count comes with the first row",
        CHANNEL,
        "header.bump.eq(read.bump & served.last)",
        "header.bump.eq(read.bump & "
        "Mux(MUTANT, served.last_word & (served.row == 0), served.last))",
    ),
    Mutation(
        "hbm-write",
        "HBM writes: the last word of a transfer is lost",
        CHANNEL,
        '("i", "write_enable", do_write & (write.addr < words)),',
        '("i", "write_enable", do_write & (write.addr < words) & ~(write.bump & MUTANT)),',
    ),
    Mutation(
        "hbm-count",
        "HBM: the last word of a read is not counted",
        CHANNEL,
        "self.words_read.eq(self.words_read + do_read)",
        "self.words_read.eq(self.words_read + (do_read & ~(self._served.last & MUTANT)))",
    ),
)
