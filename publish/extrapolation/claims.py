"""What the papers claim of 32x32 tiles, beside what the model says of our tile."""

from collections.abc import Callable
from statistics import mean
from typing import NamedTuple

from publish.extrapolation.beside import beside, mean_speedup
from publish.extrapolation.bounds import Bounds, bounds
from publish.extrapolation.points import PAPER_MICROSECONDS, Grid32, ModelPoint, prefill

__all__ = ["NEAR", "Claim", "claims"]

NEAR = 0.1
"""A number within this share of the papers', or whose interval has it, agrees."""
LONG = prefill(4096, 128, 2)
"""The layer of the speed-up over FlashAttention-3."""
_SOFTWARE = ("flat-tree", "flat-seq")


class Claim(NamedTuple):
    """One of the papers' numbers, and ours."""

    what: str
    source: str
    paper: float
    ours: float
    low: float | None
    """Of the 90 % interval; None where there is none."""
    high: float | None
    unit: str
    """``%`` for shares, ``x`` for ratios."""
    higher: str
    """Why ours may be higher, what would refute it."""
    lower: str

    @property
    def verdict(self) -> str:
        """``agrees``, ``higher`` or ``lower``."""
        if self.low is not None and self.high is not None and self.low <= self.paper <= self.high:
            return "agrees"
        if abs(self.ours / self.paper - 1) <= NEAR:
            return "agrees"
        return "higher" if self.ours > self.paper else "lower"

    @property
    def why(self) -> str:
        """What stands beside the verdict."""
        return {"agrees": "", "higher": self.higher, "lower": self.lower}[self.verdict]


def claims(grid: Grid32) -> list[Claim]:
    """All of them, in the order of the page."""
    return [*_utilisation(grid), *_alone(grid), *_groups(grid), *_software(grid), *_gh200(grid)]


def _share(what: str, source: str, paper: float, point: ModelPoint, why: tuple[str, str]) -> Claim:
    """A claim on the utilisation of the arrays by one point."""
    range_ = bounds(point)
    return Claim(
        what,
        source,
        paper,
        point.matrix_utilization,
        *_scaled(range_, lambda cycles: point.matrix_utilization * point.cycles / cycles),
        "%",
        *why,
    )


def _scaled(
    range_: Bounds | None, of: Callable[[float], float]
) -> tuple[float | None, float | None]:
    """A figure that falls with the cycles, at both ends of their interval."""
    return (None, None) if range_ is None else (of(range_.high), min(1.0, of(range_.low)))


def _utilisation(grid: Grid32) -> list[Claim]:
    long = prefill(4096, 128, 4)
    why = (
        "no barriers: engines wait on semaphores only, and loads, collectives and softmax of one "
        "head hide behind the other head's products; the papers' array also drains between blocks",
        "",
    )
    found = []
    for machine, source, papers in (
        ("paper-2026", "2604.02110", {"16x16": 0.927, "32x32": 0.923}),
        ("paper-2025", "2505.18824", {"16x16": 0.893, "32x32": 0.87}),
    ):
        for group, paper in papers.items():
            point = grid.one(machine=machine, workload=long, asked_group=group)
            found.append(
                _share(f"utilisation, S=4096 D=128 B=4, group {group}", source, paper, point, why)
            )
    return found


def _ratio(top: ModelPoint, bottom: ModelPoint) -> tuple[float, float | None, float | None]:
    """Cycles of `top` over those of `bottom`, and the interval if both are off the other way."""
    ours, first, second = top.cycles / bottom.cycles, bounds(top), bounds(bottom)
    if first is None or second is None:
        return ours, None, None
    return ours, first.low / second.high, first.high / second.low


def _alone(grid: Grid32) -> list[Claim]:
    """FlashAttention, each tile alone."""
    flat, fast, slow = (
        grid.one(machine="paper-2025", workload=LONG, dataflow=name, asked_group="")
        for name in ("flat-async", "flash3", "flash2")
    )
    traffic = fast.hbm_bytes / flat.hbm_bytes
    used = max(fast.hbm_bandwidth_utilization, slow.hbm_bandwidth_utilization)
    links = (
        "the links at the channels are full before the channels: packets of all tiles go along the "
        "row of the south channels first (XY); the papers' responses take no time on links"
    )
    return [
        Claim(
            "speed-up over FlashAttention-3, S=4096 D=128 B=2",
            "2604.02110",
            4.1,
            *_ratio(fast, flat),
            "x",
            f"FlashAttention-3 is slower here: {links}",
            "FlashAttention-3 holds more query rows in a tile here, and so reads less",
        ),
        Claim(
            "less HBM traffic than FlashAttention-3",
            "2604.02110",
            16,
            traffic,
            traffic,
            traffic,
            "x",
            "",
            "FlashAttention-3 holds more query rows in a tile here than the papers' 128, and so "
            "reads K and V less often; exact, not a prediction",
        ),
        Claim(
            "HBM bandwidth that FlashAttention-2 and -3 reach (the larger)",
            "2604.02110",
            0.8,
            used,
            None,
            None,
            "%",
            "",
            links,
        ),
    ]


def _groups(grid: Grid32) -> list[Claim]:
    """Group sizes: figure 4 of arXiv 2505.18824."""
    found = []
    for length, times in PAPER_MICROSECONDS.items():
        paper = min(times, key=lambda group: times[group])
        workload = prefill(length, 128, 4)
        best = grid.best("paper-2025", workload)
        wide = grid.one(machine="paper-2025", workload=workload, asked_group="32x32")
        found.append(
            Claim(
                f"one group of 32x32 against the best, S={length} (the papers' best: {paper}, "
                f"ours: {best.asked_group})",
                "2505.18824",
                times["32x32"] / times[paper],
                *_ratio(wide, best),
                "x",
                "",
                "no barriers and no start-up of a DMA for each block: small slices cost less",
            )
        )
    return found


def _software(grid: Grid32) -> list[Claim]:
    """Collectives in software."""
    fast = grid.one(machine="paper-2025", workload=LONG, dataflow="flash3")
    hard, tree, sequence = (
        grid.one(machine="paper-2025", workload=LONG, dataflow=name, asked_group="32x32")
        for name in ("flat", *_SOFTWARE)
    )
    return [
        Claim(
            "share of time that trees in software add to flat, group 32x32",
            "2604.02110",
            0.65,
            1 - hard.cycles / tree.cycles,
            None,
            None,
            "%",
            "",
            "our trees cut messages into segments and overlap with the products",
        ),
        Claim(
            "time of flat with sequential sends over FlashAttention-3, group 32x32",
            "2505.18824",
            5.617 / 2.692,
            *_ratio(sequence, fast),
            "x",
            "",
            "FlashAttention-3 is slower here, and our sequential sends run beside the products",
        ),
    ]


def _gh200(grid: Grid32) -> list[Claim]:
    rows = beside(grid)
    compute = [row.point.matrix_utilization for row in rows if row.compute_bound]
    memory = [row.point.hbm_bandwidth_utilization for row in rows if not row.compute_bound]
    ranges = [bounds(row.point) for row in rows]
    speedup = mean_speedup(rows)
    return [
        Claim(
            "speed-up over GH200, mean of kernels",
            "2604.02110",
            1.9,
            speedup,
            _mean_at(rows, ranges, "high"),
            _mean_at(rows, ranges, "low"),
            "x",
            "utilisation is higher than the papers'",
            "decode of few keys: a start of some thousand cycles is not hidden; batches are ours",
        ),
        Claim(
            "utilisation of compute-bound kernels, mean",
            "2604.02110",
            0.86,
            mean(compute),
            None,
            None,
            "%",
            "",
            "MLA: a row of Q and O of 576 and 512 columns leaves L1 for few keys",
        ),
        Claim(
            "HBM bandwidth of memory-bound kernels, mean",
            "2604.02110",
            0.78,
            mean(memory),
            None,
            None,
            "%",
            "channels serve without gaps: no banks, rows or refresh in our HBM",
            "decode of few keys: a start of some thousand cycles is not hidden",
        ),
    ]


def _mean_at(rows: list, ranges: list, end: str) -> float | None:
    """The mean speed-up with all cycles at one end of their intervals."""
    if any(one is None for one in ranges):
        return None
    return mean(
        row.speedup * row.point.cycles / getattr(one, end)
        for row, one in zip(rows, ranges, strict=True)
    )
