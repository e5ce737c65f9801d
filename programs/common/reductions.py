"""Reductions of the programs of a mesh, compared with each other: members, order, links and tags.

docs/network.md says why the network needs it.
"""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from graphlib import CycleError, TopologicalSorter
from itertools import combinations, pairwise
from typing import Any, NamedTuple

from isa.errors import UserError
from isa.geometry import Rectangle, TileXY
from isa.image import Program
from isa.instructions import Format, Instruction, Opcode, Queue, ReduceOp
from isa.packets import Port
from isa.routes import reduction_tree
from programs.common.loops import steps

__all__ = ["Programs", "area_of", "at_tile", "check_reductions", "first_slot", "place", "target_of"]

Programs = Mapping[TileXY, Program]
_ISSUING = (Opcode.REDUCE, Opcode.LI, Opcode.ADD, Opcode.LOOP, Opcode.END)
"""What decides which reductions a queue issues."""


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
        return f"tag {self.tag} over {self.members} to {place(self.root)}"


class _Issue(NamedTuple):
    """The n-th reduction that a tile issues over a rectangle; the same (rectangle, n) is the same
    reduction at all members.
    """

    key: tuple[Rectangle, int]
    what: _Reduction
    slot: int


Issued = Mapping[TileXY, list[_Issue]]


def check_reductions(programs: Programs) -> None:
    """Check the reductions of all tiles against each other.

    Raises
    ------
    UserError
        If members disagree, orders contradict each other, or two that meet cannot be told apart.
    """
    issued = _all_issues(programs)
    _check_members(issued)
    _check_order(issued)
    where: dict[_Reduction, str] = {}
    for tile, issues in _distinct(issued):
        for issue in issues:
            if issue.what not in where:
                where[issue.what] = f"{issue.what} ({at_tile(tile)}, queue out, slot {issue.slot})"
    _check_links({(what.members, what.root): name for what, name in where.items()})
    _check_tags(where)


def first_slot(program: Program, queue: Queue) -> int:
    """Slot of a queue's first instruction in the image, as the machine's errors count them."""
    return 1 + sum(len(program.queues[before]) for before in Queue if before < queue)


def place(tile: TileXY) -> str:
    """A tile's coordinates, for messages."""
    return f"({tile[0]},{tile[1]})"


def at_tile(tile: TileXY) -> str:
    """A tile, for messages."""
    return f"tile {place(tile)}"


def area_of(fields: Mapping[str, int]) -> Rectangle:
    """The rectangle of a move."""
    return Rectangle(*(fields[name] for name in Rectangle._fields))


def target_of(fields: Mapping[str, int]) -> TileXY:
    """The tile that a move names: a channel's or a root."""
    return fields["target_x"], fields["target_y"]


def _all_issues(programs: Programs) -> dict[TileXY, list[_Issue]]:
    """The reductions that each tile issues, in order: one list for all tiles that issue the same
    ones in the same slots.
    """
    read: dict[Instruction, _Reduction] = {}
    known: dict[tuple[int, ...], list[_Issue]] = {}
    issued = {}
    for tile in sorted(programs):
        program = programs[tile]
        first, code = first_slot(program, Queue.OUT), program.queues[Queue.OUT]
        # What else there is changes nothing of what is issued.
        key = (first, *(id(i) if i.opcode in _ISSUING else 0 for i in code))
        if key not in known:
            known[key] = list(_issues(code, first, read))
        issued[tile] = known[key]
    return issued


def _distinct(issued: Issued) -> Iterator[tuple[TileXY, list[_Issue]]]:
    """Each list of issues once, with the first tile that issues it."""
    seen: set[int] = set()
    for tile, issues in issued.items():
        if id(issues) not in seen:
            seen.add(id(issues))
            yield tile, issues


def _issues(
    code: Sequence[Instruction], first: int, read: dict[Instruction, _Reduction]
) -> Iterator[_Issue]:
    """The reductions of an OUT queue, in order; its code begins in slot `first`."""
    numbers: dict[Rectangle, int] = {}
    if not any(instruction.opcode == Opcode.REDUCE for instruction in code):
        return
    deciding = [place for place, i in enumerate(code) if i.opcode in (*_ISSUING, Opcode.HALT)]
    for number, i in steps([code[place] for place in deciding]):
        if i.opcode == Opcode.REDUCE:
            what = read.get(i)
            if what is None:
                fields = defaultdict(int, i.fields)
                if fields["rows"] == 1:
                    fields["remote_pitch"] = 0  # from one row to no other
                what = read[i] = _Reduction(
                    area_of(fields),
                    target_of(fields),
                    *(fields[name] for name in _Reduction._fields[2:]),
                )
            count = numbers[what.members] = numbers.get(what.members, -1) + 1
            yield _Issue((what.members, count), what, first + deciding[number])


def _check_members(issued: Issued) -> None:
    """The n-th reduction over a rectangle must be the same for all its members."""
    over: dict[int, dict[Rectangle, list[_Issue]]] = {}
    for _, issues in _distinct(issued):
        found = over[id(issues)] = {}
        for issue in issues:
            found.setdefault(issue.key[0], []).append(issue)
    by_rectangle: dict[Rectangle, dict[TileXY, list[_Issue]]] = {}
    for tile, issues in issued.items():
        for rectangle, those in over[id(issues)].items():
            by_rectangle.setdefault(rectangle, {})[tile] = those
    for members in by_rectangle.values():
        tile, ours = next(iter(members.items()))
        expected = [issue.what for issue in ours]
        equal = {id(ours)}
        for other in ours[0].what.members.tiles():
            theirs = members.get(other, [])
            if id(theirs) in equal:
                continue
            if expected != [issue.what for issue in theirs]:
                raise UserError(_difference(tile, other, ours, theirs))
            if theirs:
                equal.add(id(theirs))


def _text(name: str, value: Any) -> str:
    """A field of a `_Reduction`, for messages."""
    if name == "root":
        return place(value)
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
        f"{at_tile(tile)} issues a reduction with {extra.what} (queue out, slot {extra.slot}) that "
        f"its member {at_tile(other)} does not issue: all of {extra.what.members} must"
    )


def _check_order(issued: Issued) -> None:
    """All tiles' orders must be parts of one."""
    before: dict[tuple, dict[tuple, tuple[TileXY, _Issue, _Issue]]] = {}
    for tile, issues in _distinct(issued):
        for first, second in pairwise(issues):
            before.setdefault(second.key, {}).setdefault(first.key, (tile, first, second))
    try:
        TopologicalSorter(before).prepare()
    except CycleError as error:
        found = [before[second][first] for first, second in pairwise(error.args[1])]
        says = ", ".join(
            f"{first.what} before {second.what} at {at_tile(tile)}" for tile, first, second in found
        )
        raise UserError(f"tiles issue reductions in conflicting orders: {says}") from None


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
