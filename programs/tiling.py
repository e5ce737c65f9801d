"""The tiling rule: choose group, slices, streams and buffers for a workload, or complete what the user fixed.

Every mapping that fits L1 gets an estimate in cycles, from the engines' work per block and what cannot overlap. Among those
within 1 % of the smallest, the least HBM traffic wins, then the widest group, then two buffers for K and V over one. The
estimate knows nothing that only the network could tell; it ranks mappings and does not replace the timing model.
"""

from collections.abc import Iterator

from isa.errors import UserError
from isa.instructions import Format
from isa.machine import Machine
from programs.costs import matmul_cycles, vector_cycles
from programs.layout import L1Layout, Semaphores
from programs.mapping import DATAFLOWS, SOFTWARE, Mapping, row_words
from programs.workload import Workload

__all__ = ["choose", "cuts", "estimate", "parse_group", "rank"]

_REDUCE_START = 40
_LOAD_START = 16
_HOP = 5
"""Cycles per tile of a row for an all-reduce: one hop and a pipelined adder towards the root, one hop back."""
_PUT_START = 24
"""Cycles from the word that a PUT waits for to its own first word at the receiver."""
_ADDED_WORD = 2
"""Cycles for each word that the vector engine adds, beside a busy matrix engine; measured on mesh4."""
_MASKED_BANDWIDTH = 0.8
"""Share of the HBM bandwidth to count on under a causal mask; a run on mesh4 that it limited reached 0.74."""
_FINER = 1.2
"""Ratio between the slice sizes that are tried."""
_MARGIN = 1.01


def choose(machine: Machine, workload: Workload, dataflow: str | None = None, **fixed: str | int | None) -> Mapping:
    """Find the best mapping that has what the user fixed: the first of `rank`."""
    return rank(machine, workload, dataflow, **fixed)[0]


def rank(
    machine: Machine,
    workload: Workload,
    dataflow: str | None = None,
    *,
    group: str | None = None,
    rows: int | None = None,
    columns: int | None = None,
) -> list[Mapping]:
    """List the mappings that have what the user fixed and fit L1, the best first.

    Parameters
    ----------
    dataflow
        One of `DATAFLOWS`; None takes the best of them but for `SOFTWARE`.
    group
        ``COLUMNSxROWS`` tiles; it must divide the mesh.
    rows, columns
        Query rows (of each stream) and keys that a tile holds of a block.

    Raises
    ------
    UserError
        If a name or a size is not valid, or nothing fits.
    """
    if dataflow is not None and dataflow not in DATAFLOWS:
        raise UserError(f"DATAFLOW must be one of {', '.join(DATAFLOWS)}, not {dataflow!r}")
    for name, value in (("rows", rows), ("columns", columns)):
        if value is not None and (not isinstance(value, int) or value < 1):
            raise UserError(f"{name} must be a whole number from 1 up, not {value!r}")
    fitting: list[tuple[float, int, Mapping]] = []
    smallest: tuple[int, Mapping] | None = None
    refused: UserError | None = None
    # Without the network's collectives nothing is better than with them.
    for name in [dataflow] if dataflow else [name for name in DATAFLOWS if name not in SOFTWARE]:
        for mapping in _candidates(machine, workload, name, group, rows, columns):
            try:
                Semaphores(machine, mapping)
                words = L1Layout(machine.tile, workload, mapping).words
            except UserError as error:
                refused = error
                continue
            if smallest is None or words < smallest[0]:
                smallest = words, mapping
            if words <= machine.tile.l1_words:
                fitting.append((estimate(machine, workload, mapping), words, mapping))
    if not fitting:
        raise refused if smallest is None and refused else _does_not_fit(machine, workload, smallest, rows, columns)
    limit = min(cycles for cycles, _, _ in fitting) * _MARGIN

    def merit(entry: tuple[float, int, Mapping]) -> tuple[float, ...]:
        cycles, words, mapping = entry
        if cycles > limit:
            return 1, cycles
        tiles = mapping.group[0] * mapping.group[1]
        blocks = -(-workload.skv // (mapping.group[0] * mapping.columns))
        # With two buffers, an odd number of blocks begins every other item in the other buffer: a longer program.
        odd = blocks % mapping.slots
        return 0, sum(mapping.hbm_bytes(workload, machine.tile)), -tiles, -mapping.slots, odd, cycles, words

    return [mapping for _, _, mapping in sorted(fitting, key=merit)]


def _does_not_fit(
    machine: Machine, workload: Workload, smallest: tuple[int, Mapping] | None, rows: int | None, columns: int | None
) -> UserError:
    assert smallest is not None
    words, mapping = smallest
    fixed = [f"{name}={value}" for name, value in (("rows", rows), ("columns", columns)) if value]
    least = "at least " if len(fixed) < 2 else ""
    return UserError(
        f"{mapping.dataflow} with {' and '.join(fixed) or f'D={workload.d}'} needs {least}{words * machine.tile.word_bytes} "
        f"bytes of L1 in each tile ({mapping.describe()}), the machine has {machine.tile.l1_bytes}"
    )


def _candidates(
    machine: Machine, workload: Workload, dataflow: str, group: str | None, rows: int | None, columns: int | None
) -> Iterator[Mapping]:
    tile, streams = machine.tile, DATAFLOWS[dataflow]
    for shape in _groups(machine, workload, dataflow, group):
        fold = max(1, shape[0] // machine.mesh.columns)
        r_max = _whole(workload, -(-workload.rows // shape[1]))
        row_cuts = [rows] if rows else cuts(workload.rows, shape[1], tile.matrix_rows)
        if workload.masked and not rows:
            row_cuts = sorted({_whole(workload, r) for r in row_cuts}, reverse=True)
        column_cuts = [columns] if columns else cuts(workload.skv, shape[0], tile.matrix_columns * tile.mac_latency)
        for paired in (True, False) if streams > 1 else (False,):
            for r in row_cuts:
                for c in column_cuts:
                    # In one buffer the second stream would wait for the first one, which holds it until its next turn.
                    for slots in (2, 1) if streams == 1 or (paired and not workload.latent) else (2,):
                        c_max = -(-workload.skv // shape[0])
                        mapping = Mapping(dataflow, shape, min(r, r_max), min(c, c_max), streams, paired, slots, fold=fold)
                        # A pair needs two row blocks, and two heads need two heads, or the second stream is idle.
                        one_block = mapping.group[1] * mapping.rows >= workload.rows
                        if streams == 1 or (not one_block if paired else one_block or workload.kv_heads > 1):
                            yield mapping


def _whole(workload: Workload, rows: int) -> int:
    """Rows of whole positions, or as many as divide those of one: see `Mapping.grain`."""
    each = workload.sharing if workload.masked else 1
    return -(-rows // each) * each if rows >= each else max(r for r in range(1, rows + 1) if each % r == 0)


def _groups(machine: Machine, workload: Workload, dataflow: str, group: str | None) -> list[tuple[int, int]]:
    mesh = machine.mesh
    flash = dataflow.startswith("flash")
    if group is not None:
        shape = parse_group(machine, group)
        if flash and shape != (1, 1):
            raise UserError(f"group must be 1x1 for {dataflow} (each tile alone), not {group!r}")
        return [shape]
    if flash:
        return [(1, 1)]
    shapes = [
        (x, y)
        for x in range(1, min(mesh.columns, workload.skv) + 1)
        for y in range(1, min(mesh.rows, workload.rows) + 1)
        if mesh.columns % x == 0 and mesh.rows % y == 0
    ]
    # Without a second column there is nothing to reduce, without a second row nothing to share: that is not flat any more.
    # But rows that one array takes at a time are not cut up: decode has groups of one row.
    few = workload.rows <= machine.tile.matrix_rows or mesh.rows == 1
    both = [shape for shape in shapes if (shape[0] > 1 or mesh.columns == 1) and (shape[1] > 1 or few)]
    if workload.rows < machine.tile.matrix_rows * mesh.rows:
        # Cut over all rows of tiles, such rows would leave the arrays partly idle: cut the keys over them instead.
        both += [
            (mesh.columns * fold, 1)
            for fold in range(2, mesh.rows + 1)
            if mesh.rows % fold == 0 and mesh.columns * fold <= workload.skv
        ]
    return both or shapes


def parse_group(machine: Machine, group: str) -> tuple[int, int]:
    """Read ``COLUMNSxROWS`` of a group that tiles the mesh.

    Raises
    ------
    UserError
        If it does not.
    """
    mesh = machine.mesh
    columns, cross, rows = str(group).partition("x")
    if not (cross and columns.isascii() and columns.isdigit() and rows.isascii() and rows.isdigit()):
        raise UserError(f"group must be COLUMNSxROWS (for example 2x2), not {group!r}")
    shape = int(columns), int(rows)
    fold, uneven = divmod(shape[0], mesh.columns)
    if shape[1] == 1 and fold > 1 and not uneven and mesh.rows % fold == 0:
        return shape
    if min(shape) < 1 or mesh.columns % shape[0] or mesh.rows % shape[1]:
        fit = [" or ".join(str(n) for n in range(1, size + 1) if size % n == 0) for size in (mesh.columns, mesh.rows)]
        folds = [f"{mesh.columns * n}x1" for n in range(2, mesh.rows + 1) if mesh.rows % n == 0]
        folded = f", or {' or '.join(folds)} for one row folded over several of the mesh" * bool(folds)
        raise UserError(
            f"group must divide the {mesh.columns}x{mesh.rows} mesh: {fit[0]} columns, {fit[1]} rows{folded}, not {group!r}"
        )
    return shape


def cuts(total: int, parts: int, grain: int) -> list[int]:
    """List slice sizes worth trying: equal cuts into more and more blocks, rounded up to the engine's grain."""
    whole = -(-total // parts)
    sizes, cut = set(), 1
    while cut <= whole:
        size = -(-total // (parts * cut))
        sizes.add(size if size < grain else min(-(-size // grain) * grain, whole))
        cut = max(cut + 1, int(cut * _FINER))
    return sorted(sizes, reverse=True)


def estimate(machine: Machine, workload: Workload, mapping: Mapping) -> float:
    """Guess the cycles a workload takes under a mapping; every block counts as a full one, but for the last keys.

    Where items see different numbers of keys, each counts as the average one.
    """
    return _Estimate(machine, workload, mapping).cycles()


class _Estimate:
    def __init__(self, machine: Machine, workload: Workload, mapping: Mapping):
        self._machine, self._tile, self._hbm = machine, machine.tile, machine.hbm
        self._workload, self._mapping = workload, mapping
        self._groups = machine.mesh.tiles // (mapping.group[0] * mapping.group[1])
        self._k_words = row_words(self._tile, workload.d, workload.fmt)
        self._o_words = row_words(self._tile, workload.dv, workload.o_fmt)
        self._v_words = 0 if workload.latent else row_words(self._tile, workload.dv, workload.fmt)

    def cycles(self) -> float:
        """Give the estimate."""
        workload, mapping = self._workload, self._mapping
        across = mapping.group[0]
        keys = mapping.keys_read(workload) // (workload.kv_heads * mapping.passes(workload))
        columns = -(-keys // (across * mapping.columns))
        rest = keys - (columns - 1) * across * mapping.columns
        heads = workload.kv_heads if mapping.paired or mapping.streams == 1 else -(-workload.kv_heads // mapping.streams)
        items = heads * mapping.passes(workload)
        full = self._step(mapping.columns)
        item = max((columns - 1) * full + self._step(-(-rest // across)) + self._late(), self._item_floor())
        rounds = -(-items // self._groups)
        return rounds * item + self._start() + self._end()

    def _step(self, n: int) -> float:
        """Cycles from one column block to the next, of `n` keys a tile."""
        mapping, workload = self._mapping, self._workload
        m = mapping.rows
        scores, values = self._matmul(m, n, workload.d), self._matmul(m, workload.dv, n)
        softmax = 2 * self._vector(m, n) + self._vector(m, workload.dv) + 3 * self._vector(1, m)
        chain = 2 * self._vector(m, n) + self._vector(m, workload.dv) + self._vector(1, m)
        if mapping.group[0] > 1:
            chain += self._all_reduce(m)
        alone = scores + chain + values + _LOAD_START
        k_load, v_load = self._shared_load(n * self._k_words), self._shared_load(n * self._v_words)
        sources = 1 if mapping.paired or mapping.streams == 1 else mapping.streams
        channels = self._bandwidth() / self._machine.tile.word_bytes
        traffic = sources * self._groups * mapping.group[0] * n * (self._k_words + self._v_words) / channels
        stream = traffic + 2 * _LOAD_START
        # A slot for K is in use from its first stream's scores to the last one's, then loaded anew; V likewise.
        sharing = mapping.streams // sources
        k_turn = sharing * scores + (sharing - 1) * values + k_load
        v_turn = sharing * values + (sharing - 1) * scores + v_load
        if workload.latent:
            # One buffer for both.
            k_turn, v_turn = sharing * (scores + values) + k_load, 0
        turn = max(k_turn, v_turn) * sources / mapping.slots
        passed_on = self._pass_on(n * max(self._k_words, self._v_words), mapping.group[1])
        return max(mapping.streams * (scores + values), mapping.streams * softmax, alone, stream, turn, passed_on)

    def _item_floor(self) -> float:
        """Least cycles of an item: what its Q, its reduction of O and its output take, one after the other on each."""
        mapping, workload, m = self._mapping, self._workload, self._mapping.rows
        out = m * self._fp32_words(workload.dv) if mapping.group[0] > 1 else 0
        rows = m * (self._k_words + self._o_words) * mapping.group[1] * self._groups
        return mapping.streams * max(out, rows * self._tile.word_bytes / self._bandwidth())

    def _start(self) -> float:
        return self._shared_load(self._mapping.columns * self._k_words) + self._load(self._mapping.rows * self._k_words) / 2

    def _end(self) -> float:
        m, dv = self._mapping.rows, self._workload.dv
        reduce = m * self._fp32_words(dv) + _REDUCE_START if self._mapping.group[0] > 1 else 0
        return reduce + self._vector(m, dv) + self._load(m * self._o_words)

    def _matmul(self, m: int, n: int, k: int) -> int:
        return matmul_cycles(self._tile, m, n, k)

    def _vector(self, m: int, n: int) -> int:
        return vector_cycles(self._tile, m, n)

    def _load(self, words: int) -> float:
        return self._hbm.latency + words * self._tile.word_bytes / self._hbm.bytes_per_cycle

    def _shared_load(self, words: int) -> float:
        """A load of K or V for a column of tiles."""
        return self._load(words) + self._pass_on(words, self._mapping.group[1])

    def _late(self) -> float:
        """What a sum of O in software, and the V behind it in the OUT queue, take longer than the next item's first scores."""
        mapping, workload = self._mapping, self._workload
        out = _ADDED_WORD * mapping.rows * self._fp32_words(workload.dv)
        sent = self._pass_on(out, mapping.group[0]) + self._pass_on(mapping.columns * self._v_words, mapping.group[1])
        return max(0, sent - self._matmul(mapping.rows, mapping.columns, workload.d))

    def _all_reduce(self, m: int) -> float:
        words, tiles = self._fp32_words(m), self._mapping.group[0]
        if not self._mapping.in_software:
            return _REDUCE_START + _HOP * sum(self._mapping.tiles) + words
        return 2 * self._pass_on(words, tiles) + self._rounds(tiles) * self._vector(1, m)

    def _pass_on(self, words: int, tiles: int) -> float:
        """Cycles that a multicast in software takes, or a reduction without its additions; none if the network does it."""
        return self._rounds(tiles) * (words + _PUT_START) if self._mapping.in_software else 0

    def _rounds(self, tiles: int) -> int:
        """Transfers that a collective in software makes one after the other."""
        return tiles - 1 if SOFTWARE[self._mapping.dataflow] == "unicast" else (tiles - 1).bit_length()

    def _bandwidth(self) -> float:
        """Bytes a cycle of the channels that hold K and V."""
        channels = self._machine.channels
        vertical = sum(channel.edge in ("south", "north") for channel in channels)
        near = self._mapping.group[1] > 1 and not self._mapping.reads_anywhere(self._workload, self._machine)
        used = vertical if vertical and near else len(channels)
        # Rows of blocks of different lengths do not keep all channels busy all the time.
        return used * self._hbm.bytes_per_cycle * (_MASKED_BANDWIDTH if self._workload.masked else 1)

    def _fp32_words(self, n: int) -> int:
        return row_words(self._tile, n, Format.FP32)
