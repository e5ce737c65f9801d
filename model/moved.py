"""What compiled programs move and compute, whenever they do it: how often each instruction runs,
times what it does. Exact, since programs decide nothing by data or time.
"""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from isa.formats import FORMATS
from isa.geometry import TileXY
from isa.instructions import Format, Kind, Opcode
from isa.machine import Machine
from model.costs import TWO_MATRICES
from model.decode import CoreInput, decode
from model.engine.compiled import entry
from model.engine.tables import TaskColumn, TaskKind
from model.fields import InstructionFields, words_of

__all__ = ["Moved", "moved"]

LI, ADD, LOOP, END = (int(k) for k in (TaskKind.LI, TaskKind.ADD, TaskKind.LOOP, TaskKind.END))
OP, RD, RS, IMM = (int(c) for c in (TaskColumn.OP, TaskColumn.RD, TaskColumn.RS, TaskColumn.IMM))
Integers = NDArray[np.int64]


class Moved(NamedTuple):
    """What a run of programs does."""

    macs: int
    elements: int
    """Of vector instructions."""
    l1_bytes: int
    """Read and written. Elements of the engines, whole words of what moves."""
    hop_bytes: int
    """Bytes of words, each as often as an output of a router sends it, the last one into a tile or
    a channel included. A request or a signal counts as a word.
    """
    hbm_bytes: int
    """Read and written, without the boot."""


def moved(machine: Machine, images: Mapping[TileXY, Sequence[int]]) -> Moved:
    """Count what program images do."""
    core, words = decode(machine, images), words_of(machine, images)[-1]
    times = _times(core.code.table, core.code.entry)
    macs, matrix = _products(machine, words, times)
    elements, vector = _vector(words, times)
    of_l1, hops, of_hbm = _words(core, times)
    word = machine.tile.word_bytes
    return Moved(macs, elements, matrix + vector + of_l1 * word, hops * word, of_hbm * word)


@entry
def _times(table, starts):
    """How often each instruction runs."""
    times = np.zeros(len(table), np.int64)
    registers, loops = np.zeros(16, np.int64), np.zeros((16, 2), np.int64)
    for start in starts:
        pc, depth = np.int64(start), 0
        registers[:] = 0
        while table[pc, OP] != 0:
            row = table[pc]
            times[pc] += 1
            op = row[OP]
            pc += 1
            if op == LI:
                registers[row[RD]] = row[IMM]
            elif op == ADD:
                registers[row[RD]] = registers[row[RS]] + row[IMM]
            elif op == LOOP:
                loops[depth, 0], loops[depth, 1] = pc, row[IMM] + registers[row[RS]]
                depth += 1
            elif op == END:
                loops[depth - 1, 1] -= 1
                if loops[depth - 1, 1]:
                    pc = loops[depth - 1, 0]
                else:
                    depth -= 1
            registers[0] = 0
    return times


def _bytes(formats: Integers) -> Integers:
    """Of an element of each format."""
    known = {int(one): FORMATS[Format(one)].bytes for one in np.unique(formats)}
    return np.array([known[int(one)] for one in formats], np.int64)


def _products(machine: Machine, words: NDArray, times: Integers) -> tuple[int, int]:
    """Multiply-accumulates, and bytes of L1: each block of columns reads all of A, each block of
    rows all of B; C is in FP32, and read as well where it is added to.
    """
    rows = np.flatnonzero((times > 0) & (words[:, 0] & np.uint64(0xFF) == int(Opcode.MATMUL)))
    fields, tile = InstructionFields(words[rows], Kind.MATRIX), machine.tile
    m, n, k = (fields[name] for name in ("m", "n", "k"))
    a = m * k * _bytes(fields["fmt_a"]) * -(-n // tile.line_elements)
    b = n * k * _bytes(fields["fmt_b"]) * -(-m // tile.matrix_rows)
    c = 4 * m * n * (1 + fields["accumulate"])
    return int((times[rows] * m * n * k).sum()), int((times[rows] * (a + b + c)).sum())


def _vector(words: NDArray, times: Integers) -> tuple[int, int]:
    """Elements, and bytes of L1."""
    opcode = (words[:, 0] & np.uint64(0xFF)).astype(np.int64)
    rows = np.flatnonzero((times > 0) & (opcode >> 4 == Kind.VECTOR))
    fields, opcode = InstructionFields(words[rows], Kind.VECTOR), opcode[rows]
    m, n = fields["m"], fields["n"]
    packed = (fields["with_b"] > 0) | np.isin(opcode, (Opcode.SCALE, Opcode.EXP))
    reads = m * n * _bytes(fields["fmt_a"]) * (opcode != Opcode.FILL)
    reads += np.where(np.isin(opcode, TWO_MATRICES), 4 * m * n, 4 * m * packed)
    writes = m * n * _bytes(fields["fmt_d"]) * (opcode != Opcode.ROWMAX)
    writes += 4 * m * ((opcode == Opcode.ROWMAX) | (fields["with_s"] > 0))
    return int((times[rows] * m * n).sum()), int((times[rows] * (reads + writes)).sum())


def _words(core: CoreInput, times: Integers) -> tuple[int, int, int]:
    """Words through L1, through outputs of routers, and of HBM."""
    table, paths = core.code.table, core.paths
    links = np.diff(paths.at) - 1  # the first node is the way into the first router
    ends = np.add.reduceat(paths.tile >= 0, paths.at[:-1]) if len(links) else links

    def column(rows: Integers, name: TaskColumn) -> Integers:
        return table[rows, name].astype(np.int64)

    def rows_of(kind: TaskKind) -> tuple[Integers, Integers]:
        rows = np.flatnonzero((times > 0) & (table[:, OP] == kind))
        flits = column(rows, TaskColumn.ROWS) * column(rows, TaskColumn.WORDS)
        return rows, times[rows] * flits

    read, answered = rows_of(TaskKind.READ)
    written, stored = rows_of(TaskKind.WRITE)
    put, sent = rows_of(TaskKind.PUT)
    signals = np.flatnonzero((times > 0) & (table[:, TaskColumn.SIGNAL_PATH] >= 0))
    to, back = TaskColumn.PATH, TaskColumn.PATH2
    hops = (answered * links[column(read, to)]).sum()
    hops += (times[read] * links[column(read, back)]).sum()
    hops += (stored * links[column(written, back)]).sum()
    hops += (times[written] * links[column(written, to)]).sum()
    hops += (sent * links[column(put, to)]).sum()
    hops += (times[signals] * links[column(signals, TaskColumn.SIGNAL_PATH)]).sum()
    l1 = (answered * ends[column(read, to)]).sum() + stored.sum() + sent.sum()
    l1 += (sent * ends[column(put, to)]).sum()
    member, given = rows_of(TaskKind.REDUCE)
    joined_l1, joined_hops = _joined(core, given, column(member, to), column(member, back))
    words = joined_l1 + l1, joined_hops + hops, answered.sum() + stored.sum()
    return int(words[0]), int(words[1]), int(words[2])


def _joined(core: CoreInput, given: Integers, tree: Integers, turned: Integers) -> tuple[int, int]:
    """Words through L1 and routers of reductions: `given` by each instruction of a member to the
    `tree` of joins, whose result goes by the path `turned` or (-1) into the root.
    """
    paths, of_l1, hops = core.paths, int(given.sum()), 0
    for one in np.unique(tree):
        nodes = np.flatnonzero(core.joins.node_of[one] >= 0)
        mine = tree == one
        members = core.joins.node_of[one][nodes]
        inputs = int(core.joins.inputs[members].sum()) - (len(nodes) - 1)
        sets = int(given[mine].sum()) // inputs
        hops += sets * len(nodes)
        for path in np.unique(turned[mine]):
            share = int(given[mine & (turned == path)].sum()) // inputs
            if path < 0:
                of_l1 += share
            else:
                first, last = paths.at[path], paths.at[path + 1]
                of_l1 += share * int((paths.tile[first:last] >= 0).sum())
                hops += share * (last - first - 1)
    return of_l1, int(hops)
