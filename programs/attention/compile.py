"""Attention on groups of tiles: the flat and the flash dataflows are one generator with other
groups and streams.
"""

from collections.abc import Sequence
from dataclasses import replace

from isa.errors import UserError
from isa.geometry import TileXY
from isa.image import Program
from isa.instructions import Queue
from isa.machine import Machine
from programs.attention.assignment import GroupAssignments, TileAssignment, root_column
from programs.attention.forward import forwarding
from programs.attention.groups import TileGroup, deal_attention
from programs.attention.layout import AttentionLayout, AttentionSemaphores
from programs.attention.mapping import ALL_REDUCES, READS, SOFTWARE, AttentionMapping
from programs.attention.placement import place_attention
from programs.attention.queues import TileQueues
from programs.attention.schedule import Turn, turns
from programs.attention.tile import TAGS, Shared
from programs.attention.tiling import rank_attention
from programs.attention.tree_positions import neighbours
from programs.attention.workload import Attention
from programs.common.compiled import Compiled, TooLong, first_that_fits
from programs.common.loops import Compressor
from programs.common.placement import HbmRegion
from programs.common.trace import Instantiator, Op

__all__ = ["compile_attention", "compile_attention_mapping"]


def compile_attention(
    machine: Machine,
    workload: Attention,
    dataflow: str | None = None,
    *,
    group: str | None = None,
    rows: int | None = None,
    columns: int | None = None,
    reads: str | None = None,
    all_reduce: str = ALL_REDUCES[0],
) -> Compiled[Attention, AttentionMapping]:
    """Compile attention for a machine.

    Parameters
    ----------
    machine, workload
        What to compute on what.
    dataflow
        One of `programs.attention.mapping.DATAFLOWS`; None: the best by the tiling rule, of those
        that use the network's collectives.
    group, rows, columns
        Decisions of the tiling rule that the user takes: ``COLUMNSxROWS`` of a group, query rows
        (of each stream) and keys of a tile's slice.
    reads, all_reduce
        See `programs.attention.mapping.READS` and `ALL_REDUCES`: the second of each does without a
        feature of the network. Reads are the tiling rule's decision too; what is not the first of
        all-reduces is there to be measured.

    Raises
    ------
    UserError
        If something does not fit, one line that says what and how much.
    """
    for name, value, known in (("reads", reads, READS), ("all_reduce", all_reduce, ALL_REDUCES)):
        if value is not None and value not in known:
            raise UserError(f"{name} must be {' or '.join(known)}, not {value!r}")
    # What is measured with other reads is cut as it would be with these.
    forward = reads is None
    ranked = rank_attention(
        machine, workload, dataflow, group=group, rows=rows, columns=columns, forward=forward
    )
    if ranked[0].in_software and (reads or READS[0], all_reduce) != (READS[0], ALL_REDUCES[0]):
        raise UserError(
            f"{ranked[0].dataflow} has all collectives in software: reads and all_reduce do not "
            "apply"
        )
    return first_that_fits(
        machine,
        ranked,
        lambda mapping: compile_attention_mapping(
            machine,
            workload,
            replace(mapping, reads=reads or mapping.reads, all_reduce=all_reduce),
            capacity=machine.tile.program_instructions,
        ),
    )


def compile_attention_mapping(
    machine: Machine,
    workload: Attention,
    mapping: AttentionMapping,
    *,
    capacity: int | None = None,
) -> Compiled[Attention, AttentionMapping]:
    """Compile for a mapping, whether or not the programs fit the program memory.

    Raises
    ------
    TooLong
        As soon as one has more than `capacity` instructions.
    """
    layout = AttentionLayout(machine.tile, workload, mapping)
    semaphores = AttentionSemaphores(machine, mapping)
    groups = deal_attention(machine, workload, mapping)
    placement = place_attention(machine, workload, mapping, groups)
    programs: dict[TileXY, Program] = {}
    orders: dict[tuple[Turn, ...], int] = {}
    assignments: dict[tuple[TileAssignment, int], dict[Queue, list[Op]]] = {}
    instantiate = Instantiator()
    shared = Shared()
    compressed = Compressor()
    for one in groups:
        order = tuple(turns(one.items, mapping, workload))
        number = orders.setdefault(order, len(orders))
        tiles = [(x, y) for y in range(mapping.group[1]) for x in range(mapping.group[0])]
        assign = GroupAssignments(placement, mapping, one, order)
        found = {(x, y): assign(x, y) for x, y in tiles}
        forwards = forwarding(
            order,
            {tile: assignment for tile, (assignment, _) in found.items()},
            one.loaders,
            mapping,
            latent=workload.latent,
        )
        for (x, y), (assignment, regions) in found.items():
            assignment = replace(assignment, forwards=forwards[x, y])
            code = assignments.get((assignment, number))
            new = code is None
            if code is None:
                traces = TileQueues(
                    workload, mapping, layout, semaphores, assignment, shared
                ).build(order)
                code = assignments[assignment, number] = {
                    queue: compressed(ops) for queue, ops in traces.items()
                }
            names = _names(one, mapping, regions, x, y)
            program = Program({queue: instantiate(code[queue], names) for queue in Queue})
            if new:
                if capacity is not None and len(program) > capacity:
                    raise TooLong(len(program))
                program.check()
            programs[one.tile(x, y)] = program
    read, written = mapping.hbm_bytes(workload, machine.tile)
    return Compiled(
        machine=machine,
        workload=workload,
        mapping=mapping,
        programs=programs,
        placement=placement,
        hbm_ideal_read_bytes=read,
        hbm_ideal_write_bytes=written,
        useful_macs=workload.useful_macs,
        l1_bytes=layout.words * machine.tile.word_bytes,
        semaphores=semaphores.names,
        tags=_tags(mapping),
    )


def _names(
    group: TileGroup, mapping: AttentionMapping, regions: Sequence[HbmRegion], x: int, y: int
) -> dict[str, int]:
    """Values of the names in the traces of tile (x, y) of the group."""
    columns, rows = mapping.group
    loaders = group.loaders
    tiles = {
        "": group.tile(x, y),
        "k_": group.tile(x, loaders.k[x]),
        "v_": group.tile(x, loaders.v[x]),
        "q_": group.tile(loaders.q[y], y),
        "max_": group.tile(mapping.middle, y),
    }
    names = {
        f"{name}{axis}": at
        for name, tile in tiles.items()
        for axis, at in zip("xy", tile, strict=True)
    }
    for stream in range(mapping.streams):
        names[f"sum_x{stream}"], names[f"sum_y{stream}"] = group.tile(
            root_column(mapping, y, stream), y
        )
    names["row_x0"], names["row_y0"] = group.tile(0, y)
    names["row_x1"], names["row_y1"] = group.tile(columns - 1, y)
    names["column_y0"], names["column_y1"] = group.tile(x, 0)[1], group.tile(x, rows - 1)[1]
    for i, region in enumerate(regions):
        names |= {f"region{i}.{name}": value for name, value in region.names.items()}
    if mapping.in_software:
        names |= _neighbours(group, mapping, x, y)
    return names


def _neighbours(group: TileGroup, mapping: AttentionMapping, x: int, y: int) -> dict[str, int]:
    """Where the children and the parent of tile (x, y) of the group are in each tree."""
    columns, rows = mapping.group
    loaders = group.loaders
    along_column = {"k": loaders.k[x], "v": loaders.v[x]}
    along_row = {"q": loaders.q[y], "maximum": mapping.middle, "total": root_column(mapping, y, 0)}
    names = {}
    for tree, root in (along_column | along_row).items():
        column = tree in along_column
        length, at = (rows, y) if column else (columns, x)
        children, parent = neighbours(SOFTWARE[mapping.dataflow], length, root, at)
        relatives = {str(i): child for i, child in enumerate(children)} | (
            {} if parent is None else {"parent": parent}
        )
        for relative, position in relatives.items():
            tile = group.tile(x, position) if column else group.tile(position, y)
            names[f"{tree}.{relative}.x"], names[f"{tree}.{relative}.y"] = tile
    return names


def _tags(mapping: AttentionMapping) -> dict[int, str]:
    tags = {TAGS[name]: name for name in "KV"}
    for stream in range(mapping.streams):
        tags |= {
            TAGS[name] + stream: f"{name}[{stream}]" for name in ("Q", "O", "MAX", "SUM", "SUM_L")
        }
    return tags
