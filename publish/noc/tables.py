"""Tables of what `make noc` measures on the mesh."""

from isa.machine import Machine
from programs.collectives.collective import KINDS, METHODS
from publish.noc.figures import SPEEDUPS, Curves, far, label
from publish.noc.tasks import CROWD_WORDS
from publish.output import Table
from tb.collectives.crowds import busiest_port, crowds
from tb.collectives.sweep import SHAPES

__all__ = ["tables"]

SOFTWARE = METHODS[1:]
NAMES = {"multicast": "multicast", "reduce": "reduce (sum)", "allreduce": "all-reduce (sum)"}


def tables(machine: Machine, seen: Curves) -> list[Table]:
    """All tables for which there are figures."""
    found = [_latency(seen, kind) for kind in KINDS] + [_speedups(seen), _crowds(machine, seen)]
    return [table for table in found if table.rows]


def _latency(seen: Curves, kind: str) -> Table:
    lengths = sorted(
        {
            point.words
            for (_, what, method), points in seen.points.items()
            if (what, method) == (kind, "hardware")
            for point in points
        }
    )
    rows = []
    for shape in SHAPES:
        points = {point.words: point for point in seen.points.get((shape, kind, "hardware"), [])}
        if points:
            bound = far(shape, kind)
            rows.append(
                (
                    f"{label(shape)}: T",
                    *(f"{points[n].cycles:,}" if n in points else "" for n in lengths),
                )
            )
            rows.append(
                (
                    f"D = {bound}: T/(D+L)",
                    *(
                        f"{points[n].cycles / (bound + n):.2f}" if n in points else ""
                        for n in lengths
                    ),
                )
            )
    return Table(
        f"{NAMES[kind]} by the network: T cycles from issue to the last word in the farthest SRAM",
        ("L", *map(str, lengths)),
        rows,
        "rows of tiles and squares, the root in the south-west corner; one flit is one word",
    )


def _speedups(seen: Curves) -> Table:
    rows = []
    for kind in KINDS:
        for shape in SHAPES:
            for words in SPEEDUPS:
                hardware, software = (
                    seen.at(shape, kind, "hardware", words),
                    seen.software(shape, kind, words),
                )
                if not hardware or not software:
                    continue
                others = {
                    method: point
                    for method in SOFTWARE
                    if (point := seen.at(shape, kind, method, words))
                }
                rows.append(
                    (
                        f"{NAMES[kind]}, {label(shape)}, L = {words}",
                        f"{hardware.cycles:,}",
                        *(
                            f"{others[method].cycles:,}" if method in others else ""
                            for method in SOFTWARE
                        ),
                        software[0] + (f" by {software[1].segment}" if software[1].segment else ""),
                        f"{software[1].cycles / hardware.cycles:.1f}x",
                    )
                )
    return Table(
        "The network against software on the same mesh, cycles",
        ("collective", "network", *SOFTWARE, "best, flits a segment", "speed-up"),
        rows,
        "each software method at its best segment size, searched on the RTL; empty: not run, "
        "because it is far from the best",
    )


def _crowds(machine: Machine, seen: Curves) -> Table:
    rows = []
    for name, collectives in crowds(machine, CROWD_WORDS).items():
        if name in seen.crowds:
            busiest = busiest_port(collectives)
            rows.append(
                (
                    name,
                    str(len(collectives)),
                    f"{busiest:,}",
                    f"{seen.crowds[name]:,}",
                    f"{seen.crowds[name] / busiest:.2f}",
                )
            )
    return Table(
        f"Many collectives at once on {machine.mesh.columns}x{machine.mesh.rows}, {CROWD_WORDS} "
        "flits each",
        ("set", "collectives", "flits of the busiest port", "cycles", "cycles / flits"),
        rows,
        "from the first issue to the last word written; the busiest port of a router or a tile "
        "bounds it from below",
    )
