"""What docs/inspection.md shows of the tour, if it is what its text says."""

from collections.abc import Callable

from isa.errors import UserError
from publish.output import Table

__all__ = ["MAKERS", "check"]

_LATE = 1.7
"""Cycles of the late exponential of the story over those of the usual one: at least this."""
_BY_L1 = 0.9
"""Share of the delay that is waiting for L1: at least this."""
TABLES = (
    "one block",
    "row multicast",
    "max-reduce",
    "all-reduce",
    "stalls",
    "vector",
    "faults",
)


def check(found: dict) -> dict:
    """Give back what was measured, if it is what the pages tell.

    Raises
    ------
    UserError
        If the VCD and the golden machine differ, a fault was not seen, or the story of the stall
        does not hold.
    """
    rows = {name: part["rows"] for name, part in found["tables"].items()}
    if any(row[-1] != row[-2] for row in rows["one block"]):
        raise UserError("the tour: the VCD and the golden machine list different collectives")
    if found["window"]["mismatches"]:
        raise UserError(f"the tour: {found['window']['problems'][0]}")
    if missed := [row[0] for row in rows["faults"] if int(row[1]) < 1]:
        raise UserError(f"the tour: nothing was seen of {missed[0]}")
    if not rows["stalls"][0][4].startswith("semaphore"):
        raise UserError("the tour: the longest stall does not wait for a semaphore")
    times = sorted((int(row[2]), int(row[3]), row[4]) for row in rows["vector"])
    (slowest, waited, sums), usual = times[-1], times[len(times) // 2]
    if slowest <= _LATE * usual[0] or "sum" not in sums:
        raise UserError("the tour: no exponential is late while a sum is under way")
    if waited - usual[1] <= _BY_L1 * (slowest - usual[0]):
        raise UserError("the tour: the late exponential does not wait for L1")
    return found


def _measured(name: str) -> Callable[[dict], str]:
    def make(found: dict) -> str:
        part = check(found)["tables"][name]
        return Table("", tuple(part["heads"]), [tuple(row) for row in part["rows"]]).markdown()

    return make


def _window(found: dict) -> str:
    r = check(found)["window"]
    row = (
        f"{r['cycles']:,} cycles of minilm on mesh4",
        f"{r['changes']:,}",
        f"{r['vcd_bytes'] / 1e6:.1f} MB",
        f"{r['seconds']:.1f}",
        f"{r['peak_mb']:.0f} MB",
        f"{r['collectives']}",
        f"{r['mismatches']}",
        f"{r['mean_rho']:.3f}",
    )
    heads = (
        "window",
        "value changes",
        "VCD",
        "seconds",
        "peak memory",
        "collectives",
        "mismatches",
        "latency / bound",
    )
    return Table("", heads, [row]).markdown()


MAKERS = {**{name: _measured(name) for name in TABLES}, "window": _window}
"""Marker to its maker, from docs/results/tour.json."""
