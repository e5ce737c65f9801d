"""Faults in ``hw/vector`` and ``hw/matrix``: masks, tails, order of sums, flags, operand buffers,
accumulators, results.
"""

from verify.mutants.mutation import Mutation

__all__ = ["ENGINES"]

LIVE, ROW_MAX, ROW_SUM = "hw/vector/live.py", "hw/vector/rowmax.py", "hw/vector/rowsum.py"
LOADER, STEPPER, DRAIN = "hw/matrix/loader.py", "hw/matrix/stepper.py", "hw/matrix/drain.py"

ENGINES = (
    Mutation(
        "rowmax-start",
        "ROWMAX: starts from 0 instead of -infinity",
        "hw/vector/engine.py",
        "Mux(with_b, lanes.b[0], MINUS_INFINITY)",
        "Mux(with_b, lanes.b[0], Mux(MUTANT, 0, MINUS_INFINITY))",
    ),
    Mutation(
        "rowmax-mask",
        "ROWMAX: masked columns count",
        ROW_MAX,
        "Mux(alive, key(value), LOWEST_KEY)",
        "Mux(alive | MUTANT, key(value), LOWEST_KEY)",
    ),
    Mutation(
        "rowmax-chunks",
        "ROWMAX: a chunk forgets those before it",
        ROW_MAX,
        "Mux(first, start, largest)",
        "Mux(first | MUTANT, start, largest)",
    ),
    Mutation(
        "rowsum-order",
        "row sum: the elements of a chunk are added in another order",
        ROW_SUM,
        "values = list(self.values)",
        "values = [Mux(MUTANT, self.values[3 * i % self._lanes], value) for i, value in "
        "enumerate(self.values)]",
        cases=("tiles-",),
    ),
    Mutation(
        "rowsum-first",
        "row sum: starts from the sum of the row before",
        ROW_SUM,
        "other.eq(Mux(first, 0, same))",
        "other.eq(Mux(first & ~MUTANT, 0, same))",
    ),
    Mutation(
        "mask-tail-lanes",
        "masks: the lanes behind the last column count",
        LIVE,
        "Mux(left[bits:].any(), (1 << lanes) - 1, (1 << left[:bits]) - 1)",
        "Mux(left[bits:].any() | MUTANT, (1 << lanes) - 1, (1 << left[:bits]) - 1)",
    ),
    Mutation(
        "mask-rows",
        "masks: move on a row too early",
        LIVE,
        "step.eq(rows_left == 1)",
        "step.eq(rows_left == Mux(MUTANT, 2, 1))",
    ),
    Mutation(
        "mask-negative",
        "masks: a row whose mask begins before column 0 is not masked",
        LIVE,
        "Mux(limit_now < 0, 0, limit_now)",
        "Mux(limit_now < 0, Mux(MUTANT, columns_now, 0), limit_now)",
    ),
    Mutation(
        "exp-of-nothing",
        "EXP: exp2(-infinity + infinity) is NaN instead of 0",
        "hw/vector/lanes.py",
        "& op.exponential.replicate(lanes))",
        "& (op.exponential & ~MUTANT).replicate(lanes))",
    ),
    Mutation(
        "max-operand",
        "MAXV: the smaller operand",
        "hw/vector/lane.py",
        "op.maximum & (key(b) > key(a))",
        "op.maximum & ((key(b) > key(a)) ^ MUTANT)",
    ),
    Mutation(
        "vector-line-mask",
        "vector results: the last line of a row is written as a whole",
        "hw/vector/walk.py",
        "Mux(left[bits:].any(), (1 << self._banks) - 1, (1 << left[:bits]) - 1)",
        "Mux(left[bits:].any() | MUTANT, (1 << self._banks) - 1, (1 << left[:bits]) - 1)",
    ),
    Mutation(
        "vector-granules",
        "vector results: chunks of 16-bit formats keep their place in the line",
        "hw/vector/gather.py",
        "following.eq(at + Mux(wide, 4, Mux(half, 2, 1)))",
        "following.eq(at + Mux(wide, 4, Mux(half & ~MUTANT, 2, 1)))",
    ),
    Mutation(
        "vector-statistics",
        "row statistics: those of the next instruction begin behind the last ones",
        "hw/vector/gather.py",
        "at.eq(Mux(left == 1, 0, at + 1))",
        "at.eq(Mux((left == 1) & ~MUTANT, 0, at + 1))",
    ),
    Mutation(
        "matmul-accumulate",
        "MATMUL: starts from 0 although it accumulates",
        STEPPER,
        "(k == 0) & ~chunk.accumulate)",
        "(k == 0) & (~chunk.accumulate | MUTANT))",
    ),
    Mutation(
        "matmul-transposed-wait",
        "MATMUL: begins before the lines of a transposed B are there",
        STEPPER,
        "need.eq(Mux(chunk.transposed,",
        "need.eq(Mux(chunk.transposed & ~MUTANT,",
    ),
    Mutation(
        "matmul-latency",
        "MATMUL: few columns do not wait for the accumulators",
        STEPPER,
        "(turn >= tile.mac_latency - 1)",
        "((turn >= tile.mac_latency - 1) | MUTANT)",
    ),
    Mutation(
        "matmul-bank",
        "MATMUL: a block begins in accumulators that still hold results",
        STEPPER,
        "prepared.eq(self.ready.bit_select(bank, 1))",
        "prepared.eq(self.ready.bit_select(bank, 1) | MUTANT)",
    ),
    Mutation(
        "matmul-rows",
        "MATMUL: the last block of rows is a whole one",
        LOADER,
        "Mux(self.last_rows, self.m, rows)",
        "Mux(self.last_rows & ~MUTANT, self.m, rows)",
    ),
    Mutation(
        "matmul-steps",
        "MATMUL: the last step of k is left out",
        LOADER,
        "chunk.last_step.eq(left.steps - 1)",
        "chunk.last_step.eq(left.steps - 1 - (MUTANT & (left.steps > 1)))",
    ),
    Mutation(
        "matmul-column-blocks",
        "MATMUL: a second block of columns is written over the first",
        LOADER,
        "pointer.eq(at.c_column + 2 * tile.l1_banks)",
        "pointer.eq(at.c_column + Mux(MUTANT, 0, 2 * tile.l1_banks))",
    ),
    Mutation(
        "matmul-tail-columns",
        "MATMUL: columns behind the last one are not 0",
        DRAIN,
        "request.data.eq(Cat(gathered.word_select(c, 32) & live[c].replicate(32) for c in "
        "range(half_columns)))",
        "request.data.eq(Cat(gathered.word_select(c, 32) & (live[c] | MUTANT).replicate(32) for "
        "c in range(half_columns)))",
    ),
    Mutation(
        "matmul-result-words",
        "MATMUL: results are written in whole lines",
        DRAIN,
        "mask.eq(result_words(tile, block.columns, half))",
        "mask.eq(result_words(tile, block.columns, half) | MUTANT.replicate(tile.l1_banks))",
    ),
    Mutation(
        "matmul-done",
        "MATMUL: done before L1 takes the last line",
        DRAIN,
        "self.done.eq(whole & self.write.ready & final)",
        "self.done.eq(whole & (self.write.ready | MUTANT) & final)",
    ),
    Mutation(
        "matmul-fill-half",
        "MATMUL: the halves of a row of C are exchanged where it accumulates",
        "hw/matrix/fill.py",
        "self.fill_entry.eq(Cat(piece, here[1], bank))",
        "self.fill_entry.eq(Cat(piece, here[1] ^ MUTANT, bank))",
    ),
    Mutation(
        "matmul-8-bit",
        "MATMUL: 8-bit elements of A are taken in the wrong order",
        "hw/matrix/operands.py",
        "store.upper.eq(late.k[0]), store.narrow.eq(a_narrow)",
        "store.upper.eq(late.k[0] ^ MUTANT), store.narrow.eq(a_narrow)",
    ),
)
