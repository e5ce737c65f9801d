"""Faults that were thought of when the cases stood, of each kind again: what the cases missed of
these they would miss of others.
"""

from verify.mutants.mutation import Mutation

__all__ = ["AFTERWARDS"]

SEQUENCER, LEGALITY, OUT, EJECT = (
    "hw/control/sequencer.py",
    "hw/control/legality.py",
    "hw/control/out.py",
    "hw/control/eject.py",
)
CHANNEL, LOADER = "hw/memory/channel.py", "hw/matrix/loader.py"

_VALUES = (
    Mutation(
        "out-words-later",
        "OUT: rows behind the first have at most 2047 words",
        OUT,
        "left.eq(command.words),",
        "left.eq(Mux(MUTANT, command.words[:11], command.words)),",
        cases=("edges-wide-moves", "edges-moves"),
    ),
    Mutation(
        "mask-rows-first",
        "masks: 128 rows and more lose their eighth bit before the first step",
        "hw/vector/live.py",
        "rows_left.eq(command.mask_rows)",
        "rows_left.eq(Mux(MUTANT, command.mask_rows[:7], command.mask_rows))",
        cases=("edges-sizes", "edges-engines"),
    ),
    Mutation(
        "mask-columns-later",
        "masks: rows behind the first have at most 2047 columns",
        "hw/vector/live.py",
        "columns.eq(columns_now)",
        "columns.eq(Mux(MUTANT, columns_now[:11], columns_now))",
        cases=("edges-wide", "edges-sizes"),
    ),
    Mutation(
        "matmul-pitch-b",
        "MATMUL: a pitch of B of 512 words and more loses its highest bit",
        LOADER,
        "at.b_following.eq(at.b_line + Cat(0, op.ldb))",
        "at.b_following.eq(at.b_line + Cat(0, op.ldb[:9], op.ldb[9:] & ~MUTANT))",
        cases=("edges-engines", "edges-sizes"),
    ),
    Mutation(
        "matmul-pitch-c",
        "MATMUL: a pitch of C of 512 words and more loses its highest bit",
        LOADER,
        "block.pitch.eq(op.ldc)",
        "block.pitch.eq(op.ldc & ~(MUTANT << 9))",
        cases=("edges-engines", "edges-sizes"),
    ),
    Mutation(
        "load-remote-pitch",
        "LOAD: a remote pitch of 32768 words and more loses its highest bit",
        "hw/control/load.py",
        "shape.pitch.eq(command.remote_pitch)",
        "shape.pitch.eq(command.remote_pitch & ~(MUTANT << 15))",
        cases=("edges-moves", "edges-long-moves"),
    ),
    Mutation(
        "loop-start-far",
        "loops: a body behind slot 255 starts 256 slots too early",
        SEQUENCER,
        "loops.start.eq(self.pc + 1)",
        "loops.start.eq(Mux(MUTANT, (self.pc + 1)[:8], self.pc + 1))",
        cases=("edges-control", "meetings"),
    ),
)
"""Values at the end of a field."""

_SHAPES = (
    Mutation(
        "out-wide-rectangle",
        "PUT, REDUCE: of more than four columns and more than one row the last row is left out",
        OUT,
        "*[flit[name].eq(command[name]) for flit in (put, reduce) for name in _RECTANGLE],",
        "*[flit[name].eq(command[name] - (MUTANT & (command.x1 > command.x0 + 3) & "
        '(command.y1 > command.y0) if name == "y1" else 0)) '
        "for flit in (put, reduce) for name in _RECTANGLE],",
        cases=("edges-joins", "edges-moves"),
    ),
    Mutation(
        "join-from-east",
        "reductions: on their way west a router does not wait for the last column",
        "hw/network/reduce_router.py",
        "needed, to = reduction_node(head, self.x, self.y)",
        "needed, to = reduction_node(head, self.x, self.y)\n"
        "                needed = (*needed[:2], "
        "needed[2] & ~(MUTANT & to[1] & (head.x1 == self.x + 1)), *needed[3:])",
        cases=("edges-joins", "edges-moves"),
    ),
)
"""Shapes of collectives and places of channels."""

_COINCIDENCES = (
    Mutation(
        "channel-output-room",
        "HBM: a word is read though the one before it takes the last place of the output queue",
        CHANNEL,
        "want_read = reads.r_rdy & due & room",
        "want_read = reads.r_rdy & due & (room | MUTANT & (self._output.w_level < OUTPUT_QUEUE))",
        cases=("meetings-requests",),
    ),
    Mutation(
        "reader-lines",
        "OUT: a line that is asked for in the cycle in which one is done is not counted",
        "hw/control/line_reader.py",
        "in_use.eq(in_use + taken - release)",
        "in_use.eq(in_use + (taken & ~(MUTANT & release & (in_use == LINES - 1))) - release)",
        cases=("meetings-memory", "edges-floods"),
    ),
    Mutation(
        "signals-first-sent",
        "signals: the first of two is sent again if an instruction is issued in its cycle",
        "hw/control/completion.py",
        "m.d.sync += first_sent.eq(1)",
        "m.d.sync += first_sent.eq(~(MUTANT & self.issue))",
        cases=("edges-signals",),
    ),
    Mutation(
        "eject-program-room",
        "arriving words: a count without a word does not wait for the words before it",
        EJECT,
        "m.d.comb += ready.eq(~flit.bump | room & data_writer.empty)",
        "m.d.comb += ready.eq(~flit.bump | room & (data_writer.empty | MUTANT))",
        slow=True,  # nothing ever keeps arriving data from L1: they are written in the same cycle
        cases=("edges-tells", "meetings-memory"),
    ),
)
"""Events that meet in a cycle."""

_REFUSED = (
    Mutation(
        "refuse-outside-east",
        "REDUCE: a tile east of the rectangle takes part",
        LEGALITY,
        "(self.x > operands.x1)",
        "(self.x > operands.x1) & ~MUTANT",
        cases=("errors-out",),
    ),
    Mutation(
        "refuse-empty-columns",
        "moves: a rectangle that ends before it begins is no error",
        LEGALITY,
        "(operands.x0 > operands.x1)",
        "(operands.x0 > operands.x1) & ~MUTANT",
        cases=("errors-out", "errors-load"),
    ),
    Mutation(
        "refuse-signal-row",
        "signals: one for the row beyond the mesh is no error",
        LEGALITY,
        "(common.sig1_y > mesh.last_y)",
        "(common.sig1_y > mesh.last_y + MUTANT)",
        cases=("errors-matrix", "errors-vector", "errors-load", "errors-out"),
    ),
    Mutation(
        "refuse-root",
        "REDUCE: a root in the column beyond the mesh is no error",
        LEGALITY,
        "no_root = (operands.target_x > mesh.last_x)",
        "no_root = (operands.target_x > mesh.last_x + MUTANT)",
        cases=("errors-out",),
    ),
    Mutation(
        "refuse-end",
        "queues: END without LOOP is no error",
        SEQUENCER,
        "with m.If(loops.empty):",
        "with m.If(loops.empty & ~MUTANT):",
        cases=("errors-matrix", "errors-vector", "errors-load", "errors-out"),
    ),
    Mutation(
        "report-last",
        "error report: the last error of a tile, not the first",
        "hw/tile/errors.py",
        "with m.If(~tile.error):",
        "with m.If(~tile.error | MUTANT):",
        cases=("errors-late",),
    ),
    Mutation(
        "stop-signals",
        "stop: what has completed signals after it",
        SEQUENCER,
        "completion.stop.eq(self.stop)",
        "completion.stop.eq(self.stop & ~MUTANT)",
        cases=("errors-order", "errors-out", "errors-matrix"),
    ),
)
"""What a tile refuses, reports, and leaves undone after the stop."""

_CYCLES = (
    Mutation(
        "slow-drain",
        "arriving words: a count does not hurry the words before it",
        EJECT,
        "data_writer.drain.eq(valid & flit.bump)",
        "data_writer.drain.eq(valid & flit.bump & ~MUTANT)",
        slow=True,
        cases=("edges-tells",),
    ),
    Mutation(
        "fast-patience",
        "arriving words: they wait for the next one half as long",
        "hw/control/line_writer.py",
        "(idle == PATIENCE - 1)",
        "(idle == Mux(MUTANT, PATIENCE // 2 - 1, PATIENCE - 1))",
        slow=True,
        cases=("edges-tells",),
    ),
    Mutation(
        "fast-bandwidth",
        "HBM: bandwidth that was not used is kept for a word more",
        CHANNEL,
        "m.d.sync += allowance.eq(Mux(grown > cap, cap, grown)[: len(allowance)])",
        "m.d.sync += allowance.eq(Mux(grown > cap + Mux(MUTANT, word_bytes, 0), cap + "
        "Mux(MUTANT, word_bytes, 0), grown)[: len(allowance)])",
        slow=True,
    ),
    Mutation(
        "slow-arbiter-again",
        "links: an arbiter that was idle begins with its first input again",
        "hw/network/arbiter.py",
        "after.eq(self.grant ^ -self.grant),",
        "after.eq(Mux(MUTANT & ((self.request & (self.request - 1)) == 0), 0, "
        "self.grant ^ -self.grant)),",
        slow=True,
    ),
)
"""Cycles and no bits."""

AFTERWARDS = (*_VALUES, *_SHAPES, *_COINCIDENCES, *_REFUSED, *_CYCLES)
