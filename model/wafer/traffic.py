"""What dies send each other in a decode step, as flows."""

from collections.abc import Sequence
from functools import cache
from itertools import pairwise, permutations

from isa.errors import UserError
from model.wafer.description import DieFabric
from model.wafer.flows import DieFlow, FlowTimes, run_flows
from model.wafer.routing import ExpertRouting
from model.wafer.topology import Topology

__all__ = ["COPIES", "Traffic", "place"]

COPIES = ("expert", "die", "fabric")
"""How a token goes to its experts: one copy for each expert (arXiv 2604.02110), one for each die
that has some, or one that the fabric multicasts, and whose results it adds on the way back.
"""


@cache
def place(fabric: DieFabric, parts: int) -> tuple[tuple[int, ...], ...]:
    """Equal parts of the dies: on a grid, rectangles with the shortest sides that tile it, else
    dies in the order of their numbers.

    Raises
    ------
    UserError
        If the parts do not divide the dies.
    """
    if parts < 1 or fabric.dies % parts:
        raise UserError(f"{parts} equal parts of {fabric.dies} dies are not possible")
    size, columns, rows = fabric.dies // parts, fabric.columns, fabric.rows
    shapes = [
        (width + size // width, -width, width, size // width)
        for width in range(1, size + 1)
        if size % width == 0 and columns % width == 0 and rows % (size // width) == 0
    ]
    if fabric.shape == "fat-tree" or not shapes:
        return tuple(tuple(range(part * size, (part + 1) * size)) for part in range(parts))
    *_, width, height = min(shapes)
    return tuple(
        tuple((y + dy) * columns + x + dx for dy in range(height) for dx in range(width))
        for y in range(0, rows, height)
        for x in range(0, columns, width)
    )


class Traffic:
    """Flows of a machine's collectives, solved once for a token and scaled to any number of them.

    Parameters
    ----------
    port_bytes_per_s
        What a die sends, and receives, at most.
    """

    def __init__(self, topology: Topology, port_bytes_per_s: float) -> None:
        self.topology, self.port = topology, port_bytes_per_s
        self._solved: dict[tuple, FlowTimes] = {}

    def dispatch(self, groups: Sequence[Sequence[int]], routing: ExpertRouting, copies: str):
        """Flows of one byte a token to its experts, in all groups of dies at the same time."""
        return self._experts(groups, routing, copies, back=False)

    def combine(self, groups: Sequence[Sequence[int]], routing: ExpertRouting, copies: str):
        """Flows of one byte a token and expert (or die, or tree) back to where it came from."""
        return self._experts(groups, routing, copies, back=True)

    def exchange(self, groups: Sequence[Sequence[int]]) -> FlowTimes:
        """Half an all-reduce of a byte (reduce-scatter, or all-gather): each die of a group sends
        each other one its share.
        """
        key = ("exchange", tuple(map(tuple, groups)))
        return self._solve(
            key,
            lambda: [
                DieFlow(a, (b,), 1 / len(group))
                for group in groups
                for a, b in permutations(group, 2)
            ],
        )

    def hand_over(self, stages: Sequence[Sequence[int]]) -> FlowTimes:
        """A byte from every die of a pipeline stage to its counterpart in the next one, in all
        stages at the same time.
        """
        key = ("hand_over", tuple(map(tuple, stages)))
        return self._solve(
            key,
            lambda: [
                DieFlow(a, (b,), 1.0)
                for before, after in pairwise(stages)
                for a, b in zip(before, after, strict=True)
            ],
        )

    def _experts(self, groups, routing: ExpertRouting, copies: str, *, back: bool) -> FlowTimes:
        if copies not in COPIES:
            raise UserError(f"COPIES must be one of {', '.join(COPIES)}, not {copies!r}")
        key = ("experts", tuple(map(tuple, groups)), routing, copies, back)
        return self._solve(
            key,
            lambda: [
                flow
                for group in groups
                for flow in self._group(tuple(group), routing, copies, back)
            ],
        )

    def _group(self, dies: tuple[int, ...], routing: ExpertRouting, copies: str, back: bool):
        parts = len(dies)
        if copies == "fabric":
            return [self._multicast(die, dies, routing, back) for die in dies]
        if copies == "expert":
            loads = routing.loads().reshape(parts, -1).sum(axis=1).tolist()
        else:
            loads = [routing.reaches(parts, frozenset({i})) for i in range(parts)]
            if routing.even:  # all the same, but for the sample
                loads = [sum(loads) / parts] * parts
        share = dict(zip(dies, loads, strict=True))
        return [
            DieFlow(b if back else a, (a if back else b,), share[b])
            for a, b in permutations(dies, 2)
        ]

    def _multicast(
        self, source: int, dies: tuple[int, ...], routing: ExpertRouting, back: bool
    ) -> DieFlow:
        number = {die: i for i, die in enumerate(dies)}

        def reached(behind: tuple[int, ...]) -> float:
            return routing.reaches(len(dies), frozenset(map(number.__getitem__, behind)))

        targets = tuple(die for die in dies if die != source)
        every = reached(targets)
        tree = self.topology.tree(source, targets)
        shares = {link: reached(behind) / every for link, behind in tree.items() if every}
        ejected = {die: reached((die,)) / every for die in targets if every}
        return DieFlow(source, targets, every, shares, ejected, reverse=back)

    def _solve(self, key: tuple, flows) -> FlowTimes:
        if key not in self._solved:
            self._solved[key] = run_flows(self.topology, flows(), self.port)
        return self._solved[key]
