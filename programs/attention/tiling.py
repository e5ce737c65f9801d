"""The tiling rule: choose group, slices, streams and buffers for a workload, or complete what the
user fixed.

Every mapping that fits L1 gets rough cycles (`programs.attention.rough`); the best ones of each dataflow and
group are estimated by a walk through their schedule (`programs.attention.walk`). Among those within 1 % of
the smallest estimate, the least HBM traffic wins, then the widest group, then two buffers for K and
V over one. The estimate ranks mappings and does not replace the timing model.
"""

from collections import Counter
from collections.abc import Iterator

from isa.errors import UserError
from isa.machine import Machine
from programs.attention.layout import L1Layout, Semaphores
from programs.attention.mapping import DATAFLOWS, SOFTWARE, Mapping
from programs.attention.rough import rough_cycles
from programs.attention.walk import walk
from programs.attention.workload import Workload

__all__ = ["check_sizes", "choose", "cuts", "estimate", "parse_group", "rank"]

_FINER = 1.2
"""Ratio between the slice sizes that are tried."""
_MARGIN = 1.01
_CLOSE = 6
"""Mappings of one dataflow, group, kind of streams and number of buffers that are estimated: the
best ones by rough cycles.
"""
_MOST_CLOSE = 120
_WORTH = 2.0
"""Rough cycles beyond this multiple of the least ones are not looked at more closely."""


def estimate(machine: Machine, workload: Workload, mapping: Mapping) -> float:
    """Guess the cycles a workload takes under a mapping."""
    # The walk knows no collectives in software.
    return (rough_cycles if mapping.in_software else walk)(machine, workload, mapping)


def check_sizes(**sizes: int | None) -> None:
    """Sizes that the user fixed, by name.

    Raises
    ------
    UserError
        If one is there and is not a whole number from 1 up.
    """
    for name, value in sizes.items():
        if value is not None and (not isinstance(value, int) or value < 1):
            raise UserError(f"{name} must be a whole number from 1 up, not {value!r}")


def choose(
    machine: Machine, workload: Workload, dataflow: str | None = None, **fixed: str | int | None
) -> Mapping:
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
    check_sizes(rows=rows, columns=columns)
    fitting: list[tuple[float, int, Mapping]] = []
    smallest: tuple[int, Mapping] | None = None
    refused: UserError | None = None
    for name in [dataflow] if dataflow else _eligible(machine, group):
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
                fitting.append((rough_cycles(machine, workload, mapping), words, mapping))
    if not fitting:
        raise (
            refused
            if smallest is None and refused
            else _does_not_fit(machine, workload, smallest, rows, columns)
        )
    fitting.sort(key=lambda entry: entry[:2])
    return _by_merit(machine, workload, fitting)


def _by_merit(
    machine: Machine, workload: Workload, fitting: list[tuple[float, int, Mapping]]
) -> list[Mapping]:
    """Order mappings, given with rough cycles and L1 words, the roughly best first: those that
    deserve it by their estimate.
    """
    seen: Counter[tuple] = Counter()
    close: list[tuple[float, int, Mapping]] = []
    others: list[Mapping] = []
    refused: UserError | None = None
    for cycles, words, mapping in fitting:
        kind = mapping.dataflow, mapping.group, mapping.paired, mapping.slots
        if seen[kind] < _CLOSE and len(close) < _MOST_CLOSE and cycles <= _WORTH * fitting[0][0]:
            seen[kind] += 1
            try:
                close.append((estimate(machine, workload, mapping), words, mapping))
            except UserError as error:
                refused = error
        else:
            others.append(mapping)
    if not close:
        assert refused is not None
        raise refused
    limit = min(cycles for cycles, _, _ in close) * _MARGIN

    def merit(entry: tuple[float, int, Mapping]) -> tuple[float, ...]:
        cycles, words, mapping = entry
        if cycles > limit:
            return 1, cycles
        tiles = mapping.group[0] * mapping.group[1]
        blocks = -(-workload.skv // (mapping.group[0] * mapping.columns))
        # With two buffers, an odd number of blocks begins every other item in the other buffer: a
        # longer program.
        odd = blocks % mapping.slots
        return (
            0,
            sum(mapping.hbm_bytes(workload, machine.tile)),
            -tiles,
            -mapping.slots,
            odd,
            cycles,
            words,
        )

    return [mapping for _, _, mapping in sorted(close, key=merit)] + others


def _does_not_fit(
    machine: Machine,
    workload: Workload,
    smallest: tuple[int, Mapping] | None,
    rows: int | None,
    columns: int | None,
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
    machine: Machine,
    workload: Workload,
    dataflow: str,
    group: str | None,
    rows: int | None,
    columns: int | None,
) -> Iterator[Mapping]:
    tile, streams = machine.tile, DATAFLOWS[dataflow]
    for shape in _groups(machine, workload, dataflow, group):
        fold = max(1, shape[0] // machine.mesh.columns)
        r_max = _whole(workload, -(-workload.rows // shape[1]))
        row_cuts = [rows] if rows else cuts(workload.rows, shape[1], tile.matrix_rows)
        if workload.masked and not rows:
            row_cuts = sorted({_whole(workload, r) for r in row_cuts}, reverse=True)
        column_cuts = (
            [columns]
            if columns
            else cuts(workload.skv, shape[0], tile.matrix_columns * tile.mac_latency)
        )
        for paired in (True, False) if streams > 1 else (False,):
            for r in row_cuts:
                for c in column_cuts:
                    # In one buffer the second stream would wait for the first one, which holds it
                    # until its next turn.
                    for slots in (
                        (2, 1) if streams == 1 or (paired and not workload.latent) else (2,)
                    ):
                        c_max = -(-workload.skv // shape[0])
                        mapping = Mapping(
                            dataflow,
                            shape,
                            min(r, r_max),
                            min(c, c_max),
                            streams,
                            paired,
                            slots,
                            fold=fold,
                        )
                        # A pair needs two row blocks, and two heads need two heads, or the second
                        # stream is idle.
                        one_block = mapping.group[1] * mapping.rows >= workload.rows
                        if streams == 1 or (
                            not one_block if paired else one_block or workload.kv_heads > 1
                        ):
                            yield mapping


def _whole(workload: Workload, rows: int) -> int:
    """Rows of whole positions, or as many as divide those of one: see `Mapping.grain`."""
    each = workload.sharing if workload.masked else 1
    return (
        -(-rows // each) * each
        if rows >= each
        else max(r for r in range(1, rows + 1) if each % r == 0)
    )


def _eligible(machine: Machine, group: str | None) -> list[str]:
    """Dataflows that the rule chooses from: those that can have the group that the user fixed."""
    alone = group is None or parse_group(machine, group) == (1, 1)
    # Without the network's collectives nothing is better than with them.
    names = [name for name in DATAFLOWS if name not in SOFTWARE]
    return [name for name in names if alone or not name.startswith("flash")]


def _groups(
    machine: Machine, workload: Workload, dataflow: str, group: str | None
) -> list[tuple[int, int]]:
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
    # Without a second column there is nothing to reduce, without a second row nothing to share:
    # that is not flat any more. But rows that one array takes at a time are not cut up: decode has
    # groups of one row.
    few = workload.rows <= machine.tile.matrix_rows or mesh.rows == 1
    both = [
        shape for shape in shapes if (shape[0] > 1 or mesh.columns == 1) and (shape[1] > 1 or few)
    ]
    if workload.rows < machine.tile.matrix_rows * mesh.rows:
        # Cut over all rows of tiles, such rows would leave the arrays partly idle: cut the keys
        # over them instead.
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
    if not (
        cross and columns.isascii() and columns.isdigit() and rows.isascii() and rows.isdigit()
    ):
        raise UserError(f"group must be COLUMNSxROWS (for example 2x2), not {group!r}")
    shape = int(columns), int(rows)
    fold, uneven = divmod(shape[0], mesh.columns)
    if shape[1] == 1 and fold > 1 and not uneven and mesh.rows % fold == 0:
        return shape
    if min(shape) < 1 or mesh.columns % shape[0] or mesh.rows % shape[1]:
        fit = [
            " or ".join(str(n) for n in range(1, size + 1) if size % n == 0)
            for size in (mesh.columns, mesh.rows)
        ]
        folds = [f"{mesh.columns * n}x1" for n in range(2, mesh.rows + 1) if mesh.rows % n == 0]
        folded = f", or {' or '.join(folds)} for one row folded over several of the mesh" * bool(
            folds
        )
        raise UserError(
            f"group must divide the {mesh.columns}x{mesh.rows} mesh: {fit[0]} columns, {fit[1]} rows{folded}, not {group!r}"
        )
    return shape


def cuts(total: int, parts: int, grain: int) -> list[int]:
    """List slice sizes worth trying: equal cuts into more and more blocks, rounded up to the
    engine's grain.
    """
    whole = -(-total // parts)
    sizes, cut = set(), 1
    while cut <= whole:
        size = -(-total // (parts * cut))
        sizes.add(size if size < grain else min(-(-size // grain) * grain, whole))
        cut = max(cut + 1, int(cut * _FINER))
    return sorted(sizes, reverse=True)
