"""What was seen inside the routers, against what can be seen: forks, partial acceptances, stalls,
joins; holes are listed.
"""

import itertools
import re
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

from isa.instructions import Format, ReduceOp
from isa.machine import Mesh
from isa.packets import Port
from tb.noc.walk import fork_sets, join_sets

__all__ = ["ForkCoverage", "JoinCoverage", "markdown"]

Bins = dict[str, set[tuple]]


def _named(pattern: str, path: Path) -> tuple[str, ...]:
    """What a probe's file is named after."""
    found = re.search(pattern, path.name)
    assert found is not None, path
    return found.groups()


class _Coverage:
    left = 0
    """Flits that were at the head of a queue when a run was over."""

    def _lines(self, path: Path) -> list[str]:
        first, *lines = path.read_text().splitlines()
        self.left += int(first.removeprefix("left "))
        return lines


class ForkCoverage(_Coverage):
    """Counts, over runs on one mesh, what the probes in the forks of data routers saw."""

    def __init__(self, mesh: Mesh):
        self.mesh = mesh
        self.seen: Counter[tuple] = Counter()
        """(x, y, input, branch set, branches that took the flit in the first cycle) to how often.
        """

    def collect(self, folder: Path) -> None:
        """Add what probes left in the folder of a simulation."""
        for path in folder.glob("forks_*.txt"):
            x, y, port = _named(r"router_(\d+)_(\d+)\.fork_(\w+)\.", path)
            for line in self._lines(path):
                mask, taken, count = map(int, line.split())
                self.seen[int(x), int(y), Port[port.upper()], mask, taken] += count

    def reachable(self) -> Bins:
        """Every bin that traffic can fill, by kind.

        fork: this branch set at this input. stall: nobody took it at once. split: of these two
        branches one took it at once, the other did not.
        """
        sets = [key for key in fork_sets(self.mesh) if key[3]]
        splits = {
            (*key, a, b) for key in sets for a, b in itertools.permutations(_ports(key[3]), 2)
        }
        return {"fork": set(sets), "stall": set(sets), "split": splits}

    def filled(self) -> Bins:
        """Every bin that was filled."""
        found: Bins = {"fork": set(), "stall": set(), "split": set()}
        for x, y, port, mask, taken in self.seen:
            found["fork"].add((x, y, port, mask))
            if not taken:
                found["stall"].add((x, y, port, mask))
            for a, b in itertools.product(_ports(taken), _ports(mask & ~taken)):
                found["split"].add((x, y, port, mask, a, b))
        return found

    def report(self) -> dict[str, dict]:
        """By kind: bins that can be filled, those that were, and the names of the holes; bins that
        nobody foresaw.
        """
        return compared(self.reachable(), self.filled())


class JoinCoverage(_Coverage):
    """Counts, over runs on one mesh, what the probes in reduction routers saw."""

    def __init__(self, mesh: Mesh, formats: Iterable[Format]):
        self.mesh = mesh
        self.formats = tuple(formats)
        self.seen: Counter[tuple] = Counter()
        """(x, y, inputs joined, those that had waited, operation, format) to how often."""

    def collect(self, folder: Path) -> None:
        """Add what probes left in the folder of a simulation."""
        for path in folder.glob("joins_*.txt"):
            x, y = _named(r"joins_(\d+)_(\d+)", path)
            for line in self._lines(path):
                *what, count = map(int, line.split())
                self.seen[int(x), int(y), *what] += count

    def reachable(self) -> Bins:
        """Every bin that traffic can fill, by kind.

        join: this set of inputs, operation and format. stall: a complete set had to wait. late: of
        these two inputs of a set, one waited and the other came last.
        """
        sets = join_sets(self.mesh)
        pairs = {(*key, a, b) for key in sets for a, b in itertools.permutations(_ports(key[2]), 2)}
        joins = {
            (*key, op.name, fmt.name) for key in sets for op in ReduceOp for fmt in self.formats
        }
        return {"join": joins, "stall": sets, "late": pairs}

    def filled(self) -> Bins:
        """Every bin that was filled."""
        found: Bins = {"join": set(), "stall": set(), "late": set()}
        for x, y, joined, waited, op, fmt in self.seen:
            found["join"].add((x, y, joined, ReduceOp(op).name, Format(fmt).name))
            if waited == joined:
                found["stall"].add((x, y, joined))
            for a, b in itertools.product(_ports(waited), _ports(joined & ~waited)):
                found["late"].add((x, y, joined, a, b))
        return found

    def report(self) -> dict[str, dict]:
        """By kind, as for forks."""
        return compared(self.reachable(), self.filled())


def compared(reachable: Bins, filled: Bins) -> dict[str, dict]:
    """Report of bins: ``bins``, ``seen``, ``holes`` (names), ``unforeseen`` (names).

    And ``somewhere``: the names, without the place, of all bins, and of those that were seen at
    some place. All routers are the same module, so that this is the coverage of the module; the
    other one asks for everything at every place.
    """
    return {
        kind: {
            "bins": len(bins),
            "seen": len(bins & filled[kind]),
            "holes": sorted(map(_name, bins - filled[kind])),
            "unforeseen": sorted(map(_name, filled[kind] - bins)),
            "somewhere": {
                "bins": sorted({_placeless(key) for key in bins}),
                "seen": sorted({_placeless(key) for key in bins & filled[kind]}),
            },
        }
        for kind, bins in reachable.items()
    }


def markdown(reports: dict[str, dict[str, dict]]) -> str:
    """Table of coverage reports by mesh."""
    lines = ["| mesh | kind | bins | seen | holes |", "|---|---|---|---|---|"]
    for mesh, report in reports.items():
        for kind, row in report.items():
            lines.append(
                f"| {mesh} | {kind} | {row['bins']} | {row['seen']} | "
                f"{'; '.join(row['holes']) or 'none'} |"
            )
    return "\n".join(lines) + "\n"


def _ports(mask: int) -> list[Port]:
    return [port for port in Port if mask >> port & 1]


def _letters(ports: Iterable[Port]) -> str:
    return "".join(port.name[0] for port in ports) or "-"


def _placeless(key: tuple) -> str:
    return _name(key).split(" ", 1)[1]


def _name(key: tuple) -> str:
    x, y, *rest = key
    if isinstance(rest[0], Port):
        text = f"({x},{y}) {_letters([rest[0]])}>{_letters(_ports(rest[1]))}"
        return f"{text} {rest[2].name[0]} not {rest[3].name[0]}" if len(rest) > 2 else text
    return " ".join(
        [
            f"({x},{y}) {_letters(_ports(rest[0]))}",
            *(getattr(part, "name", part) for part in rest[1:]),
        ]
    )
