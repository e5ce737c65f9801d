"""What must be true of the programs of a mesh before they run: rectangles, members, orders and tags
of collectives.

docs/network.md says why the network needs it. What is refused here would stop the machine with an
error, or a reduction would never end.
"""

from collections import defaultdict

from isa.errors import UserError
from isa.geometry import Rectangle, TileXY
from isa.instructions import EdgePort, Format, Instruction, Opcode, Queue, SignalKind
from isa.machine import Machine
from programs.common.reductions import (
    Programs,
    area_of,
    at_tile,
    check_reductions,
    first_slot,
    place,
    target_of,
)

__all__ = ["check_programs"]

_MOVES = (Opcode.LOAD, Opcode.STORE, Opcode.PUT, Opcode.REDUCE)


def check_programs(machine: Machine, programs: Programs) -> None:
    """Check the collectives of all tiles' programs.

    Every rectangle is in the mesh and not empty, every root and channel exists. The members of a
    reduction, and nobody else, issue it; they agree on its root, operation, format, size, address,
    bump and tag. There is one order of all reductions that every tile keeps; where two use the same
    link, they come from a common queue, which keeps it. Reductions that meet in a router while they
    have one tag are alike.

    Raises
    ------
    UserError
        If not: one line that names tiles, tag and instruction slots.
    """
    fine: dict[int, Rectangle | None] = {}
    for tile in sorted(programs):
        program = programs[tile]
        for queue in Queue:
            for slot, instruction in enumerate(program.queues[queue], first_slot(program, queue)):
                # Tiles share instructions: one that is legal in a tile is so in others, a REDUCE in
                # all members.
                if id(instruction) in fine:
                    members = fine[id(instruction)]
                    if members is None or tile in members:
                        continue
                if says := _refused(machine, tile, instruction):
                    what = f"{instruction.opcode.name}{_tag(instruction)}"
                    raise UserError(
                        f"{at_tile(tile)}, queue {queue.name.lower()}, instruction slot {slot} "
                        f"({what}): {says}"
                    )
                reduces = instruction.opcode == Opcode.REDUCE
                fields = defaultdict(int, instruction.fields if reduces else ())
                fine[id(instruction)] = area_of(fields) if reduces else None
    check_reductions(programs)


def _tag(instruction: Instruction) -> str:
    return f" tag {instruction['tag']}" if instruction.opcode in _MOVES else ""


def _refused(machine: Machine, tile: TileXY, i: Instruction) -> str:
    """What is wrong with an instruction alone; nothing if it is legal."""
    mesh = f"the {machine.mesh.columns}x{machine.mesh.rows} mesh"
    fields = defaultdict(int, i.fields)

    def inside(x: int, y: int) -> bool:
        return x < machine.mesh.columns and y < machine.mesh.rows

    if fields["sig1_kind"] == SignalKind.REMOTE and not inside(fields["sig1_x"], fields["sig1_y"]):
        return f"signals tile ({fields['sig1_x']},{fields['sig1_y']}), outside {mesh}"
    if i.opcode not in _MOVES:
        return ""
    area, root = area_of(fields), target_of(fields)
    target = place(root)
    if i.opcode in (Opcode.LOAD, Opcode.STORE):
        edge = EdgePort(fields["edge"]).name.lower()
        if not any((c.edge, c.x, c.y) == (edge, *root) for c in machine.channels):
            return f"no HBM channel at the {edge} port of tile {target}"
    if i.opcode == Opcode.STORE:
        return ""
    if area.x0 > area.x1 or area.y0 > area.y1:
        return f"rectangle {area} is empty: x0 must not be above x1, nor y0 above y1"
    if not inside(area.x1, area.y1):
        return f"rectangle {area} leaves {mesh}"
    if i.opcode == Opcode.REDUCE:
        if not inside(*root):
            return f"root {target} is outside {mesh}"
        if tile not in area:
            return (
                f"{at_tile(tile)} is no member of {area}: the members, and nobody else, issue a "
                "REDUCE"
            )
        if (fmt := fields["fmt"]) not in machine.mesh.formats:
            known = ", ".join(known.name.lower() for known in machine.mesh.formats)
            name = Format(fmt).name.lower() if fmt in list(Format) else fmt
            return (
                f"format {name} must be one that this machine reduces in (mesh.reduce_formats): "
                f"{known}"
            )
    return ""
