"""What must be true of the programs of a mesh before they run: rectangles, members, orders and tags
of collectives.

docs/network.md says why the network needs it. What is refused here would stop the machine with an
error, or a reduction would never end.
"""

from collections import defaultdict
from collections.abc import Iterator, Mapping
from graphlib import CycleError, TopologicalSorter
from itertools import combinations, pairwise
from typing import Any, NamedTuple

from isa.errors import UserError
from isa.geometry import Rectangle, TileXY
from isa.image import Program
from isa.instructions import EdgePort, Format, Instruction, Opcode, Queue, ReduceOp, SignalKind
from isa.machine import Machine
from isa.packets import Port
from isa.routes import reduction_tree
from programs.common.loops import steps

__all__ = ["check_programs"]

Programs = Mapping[TileXY, Program]
_MOVES = (Opcode.LOAD, Opcode.STORE, Opcode.PUT, Opcode.REDUCE)


class _Reduction(NamedTuple):
    """What all members of a reduction must say."""

    members: Rectangle
    root: TileXY
    tag: int
    op: int
    fmt: int
    turn: int
    rows: int
    words: int
    remote: int
    remote_pitch: int
    bump: int
    sem: int

    @property
    def named(self) -> tuple:
        """What a tag stands for as long as its flits are in the network."""
        return self.members, self.root, self.op, self.fmt, self.turn

    def __str__(self) -> str:
        return f"tag {self.tag} over {self.members} to {_place(self.root)}"


class _Issue(NamedTuple):
    """The n-th reduction that a tile issues over a rectangle; the same (rectangle, n) is the same
    reduction at all members.
    """

    key: tuple[Rectangle, int]
    what: _Reduction
    slot: int


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
    for tile in sorted(programs):
        program = programs[tile]
        for queue in Queue:
            for slot, instruction in enumerate(program.queues[queue], _first_slot(program, queue)):
                if says := _refused(machine, tile, instruction):
                    what = f"{instruction.opcode.name}{_tag(instruction)}"
                    raise UserError(
                        f"{_at(tile)}, queue {queue.name.lower()}, instruction slot {slot} "
                        f"({what}): {says}"
                    )
    issued = {tile: list(_issues(programs[tile])) for tile in sorted(programs)}
    _check_members(issued)
    _check_order(issued)
    where: dict[_Reduction, str] = {}
    for tile, issues in issued.items():
        for issue in issues:
            if issue.what not in where:
                where[issue.what] = f"{issue.what} ({_at(tile)}, queue out, slot {issue.slot})"
    _check_links({(what.members, what.root): name for what, name in where.items()})
    _check_tags(where)


def _at(tile: TileXY) -> str:
    return f"tile {_place(tile)}"


def _tag(instruction: Instruction) -> str:
    return f" tag {instruction['tag']}" if instruction.opcode in _MOVES else ""


def _first_slot(program: Program, queue: Queue) -> int:
    """Slot of a queue's first instruction in the image, as the machine's errors count them."""
    return 1 + sum(len(program.queues[before]) for before in Queue if before < queue)


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
    area, root = _area(fields), _target(fields)
    target = _place(root)
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
                f"{_at(tile)} is no member of {area}: the members, and nobody else, issue a REDUCE"
            )
        if (fmt := fields["fmt"]) not in machine.mesh.formats:
            known = ", ".join(known.name.lower() for known in machine.mesh.formats)
            name = Format(fmt).name.lower() if fmt in list(Format) else fmt
            return (
                f"format {name} must be one that this machine reduces in (mesh.reduce_formats): "
                f"{known}"
            )
    return ""


def _area(fields: Mapping[str, int]) -> Rectangle:
    return Rectangle(*(fields[name] for name in Rectangle._fields))


def _target(fields: Mapping[str, int]) -> TileXY:
    return fields["target_x"], fields["target_y"]


def _place(tile: TileXY) -> str:
    return f"({tile[0]},{tile[1]})"


def _issues(program: Program) -> Iterator[_Issue]:
    """The reductions that a tile issues, in order."""
    first = _first_slot(program, Queue.OUT)
    read: dict[Instruction, _Reduction] = {}
    numbers: dict[Rectangle, int] = {}
    if not any(instruction.opcode == Opcode.REDUCE for instruction in program.queues[Queue.OUT]):
        return
    for slot, i in steps(program.queues[Queue.OUT]):
        if i.opcode == Opcode.REDUCE:
            what = read.get(i)
            if what is None:
                fields = defaultdict(int, i.fields)
                if fields["rows"] == 1:
                    fields["remote_pitch"] = 0  # from one row to no other
                what = read[i] = _Reduction(
                    _area(fields),
                    _target(fields),
                    *(fields[name] for name in _Reduction._fields[2:]),
                )
            number = numbers[what.members] = numbers.get(what.members, -1) + 1
            yield _Issue((what.members, number), what, first + slot)


def _check_members(issued: Mapping[TileXY, list[_Issue]]) -> None:
    """The n-th reduction over a rectangle must be the same for all its members."""
    by_rectangle: dict[Rectangle, dict[TileXY, list[_Issue]]] = {}
    for tile, issues in issued.items():
        for issue in issues:
            by_rectangle.setdefault(issue.key[0], {}).setdefault(tile, []).append(issue)
    for members in by_rectangle.values():
        tile, ours = next(iter(members.items()))
        expected = [issue.what for issue in ours]
        for other in ours[0].what.members.tiles():
            theirs = members.get(other, [])
            if expected != [issue.what for issue in theirs]:
                raise UserError(_difference(tile, other, ours, theirs))


def _text(name: str, value: Any) -> str:
    """A field of a `_Reduction`, for messages."""
    if name == "root":
        return _place(value)
    if name in ("op", "fmt"):
        return {"op": ReduceOp, "fmt": Format}[name](value).name.lower()
    return str(value)


def _difference(tile: TileXY, other: TileXY, ours: list[_Issue], theirs: list[_Issue]) -> str:
    for number, (mine, its) in enumerate(zip(ours, theirs, strict=False)):
        for name, here, there in zip(_Reduction._fields, mine.what, its.what, strict=True):
            if here != there:
                here, there = _text(name, here), _text(name, there)
                return (
                    f"tiles ({tile[0]},{tile[1]}) and ({other[0]},{other[1]}) disagree on "
                    f"reduction {number} over {mine.what.members}: {name} is {here} (tag "
                    f"{mine.what.tag}, queue out, slot {mine.slot}) and {there} (tag "
                    f"{its.what.tag}, slot {its.slot})"
                )
    if len(theirs) > len(ours):
        tile, other, ours, theirs = other, tile, theirs, ours
    extra = ours[len(theirs)]
    return (
        f"{_at(tile)} issues a reduction with {extra.what} (queue out, slot {extra.slot}) that its "
        f"member {_at(other)} does not issue: all of {extra.what.members} must"
    )


def _check_order(issued: Mapping[TileXY, list[_Issue]]) -> None:
    """All tiles' orders must be parts of one."""
    before: dict[tuple, dict[tuple, tuple[TileXY, _Issue, _Issue]]] = {}
    for tile, issues in issued.items():
        for first, second in pairwise(issues):
            before.setdefault(second.key, {}).setdefault(first.key, (tile, first, second))
    try:
        TopologicalSorter(before).prepare()
    except CycleError as error:
        found = [before[second][first] for first, second in pairwise(error.args[1])]
        says = ", ".join(
            f"{first.what} before {second.what} at {_at(tile)}" for tile, first, second in found
        )
        raise UserError(
            f"tiles issue reductions in orders that contradict each other: {says}"
        ) from None


def _check_links(reductions: Mapping[tuple[Rectangle, TileXY], str]) -> None:
    """Where two reductions use the same link, they must have an input of its router in common,
    which keeps their order.
    """
    links: dict[tuple, dict[tuple[Port, ...], tuple[Rectangle, TileXY]]] = {}
    for one in reductions:
        for router, (inputs, output) in reduction_tree(*one).items():
            if output != Port.LOCAL:
                links.setdefault((router, output), {}).setdefault(inputs, one)
    for (router, output), users in links.items():
        for (inputs, one), (others, two) in combinations(users.items(), 2):
            if not set(inputs) & set(others):
                raise UserError(
                    f"the reductions {reductions[one]} and {reductions[two]} meet on the link from "
                    f"router ({router[0]},{router[1]}) to the {output.name.lower()} and come from "
                    "no common queue, so that nothing keeps their order: put their roots inside "
                    "their rectangles"
                )


def _check_tags(reductions: Mapping[_Reduction, str]) -> None:
    """In one router, one tag must stand for one reduction, or for several alike, which their queues
    keep apart.
    """
    users: dict[tuple[int, TileXY], _Reduction] = {}
    for what in reductions:
        for router in reduction_tree(what.members, what.root):
            other = users.setdefault((what.tag, router), what)
            if other.named != what.named:
                raise UserError(
                    "one tag for different reductions that meet in router "
                    f"({router[0]},{router[1]}), {_kind(other)} {reductions[other]} and "
                    f"{_kind(what)} {reductions[what]}: give them tags of their own"
                )


def _kind(what: _Reduction) -> str:
    return (
        f"{Format(what.fmt).name.lower()} "
        f"{ReduceOp(what.op).name.lower()}{' with turn' * what.turn}"
    )
