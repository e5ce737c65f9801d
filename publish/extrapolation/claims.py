"""What the papers claim of 32x32 tiles, beside what the model says of our tile."""

from math import isnan, nan
from statistics import mean
from typing import NamedTuple

from publish.extrapolation.beside import Beside, beside, mean_speedup
from publish.extrapolation.bounds import bounds, utilization_range
from publish.extrapolation.points import PAPER_MICROSECONDS, Grid32, ModelPoint, prefill

__all__ = ["NEAR", "PaperClaim", "claims"]

NEAR = 0.1
"""A number within this share of the papers', or whose interval has it, agrees."""
LONG = prefill(4096, 128, 2)
"""The layer of the speed-up over FlashAttention-3."""
_SOFTWARE = ("flat-tree", "flat-seq")


class PaperClaim(NamedTuple):
    """One of the papers' numbers, and ours; that is NaN where a point it needs was not computed."""

    what: str
    source: str
    paper: float
    ours: float
    low: float
    """Of the 90 % interval; equal to `high` where ours is exact."""
    high: float
    unit: str
    """``%`` for shares, ``x`` for ratios."""
    higher: str = ""
    """Why ours may be higher, what would refute it."""
    lower: str = ""
    same: str = ""
    """What to know of it although it agrees."""

    @property
    def verdict(self) -> str:
        """``agrees``, ``higher``, ``lower`` or ``not computed``."""
        if isnan(self.ours):
            return "not computed"
        if self.low <= self.paper <= self.high or abs(self.ours / self.paper - 1) <= NEAR:
            return "agrees"
        return "higher" if self.ours > self.paper else "lower"

    @property
    def why(self) -> str:
        """What stands beside the verdict."""
        known = {"higher": self.higher, "lower": self.lower, "agrees": self.same}
        return known.get(self.verdict, "")


def claims(grid: Grid32) -> list[PaperClaim]:
    """All of them, in the order of the page."""
    return [*_utilisation(grid), *_alone(grid), *_groups(grid), *_software(grid), *_gh200(grid)]


def _without(what: str, source: str, paper: float, unit: str) -> PaperClaim:
    """A claim whose points were not computed."""
    return PaperClaim(what, source, paper, nan, nan, nan, unit, "", "")


def _share(
    what: str, source: str, paper: float, point: ModelPoint, why: tuple[str, str]
) -> PaperClaim:
    """A claim on the utilisation of the arrays by one point."""
    low, high = utilization_range(point)
    return PaperClaim(what, source, paper, point.matrix_utilization, low, high, "%", *why)


def _utilisation(grid: Grid32) -> list[PaperClaim]:
    long = prefill(4096, 128, 4)
    why = (
        "no barriers: engines wait on semaphores only, and loads, collectives and softmax of one "
        "head hide behind the other head's products; the papers' array also drains between blocks",
        "reads that name a rectangle go along the lowest row and up every column (XY), and what "
        "all channels south send fills the links of that row",
    )
    found = []
    for machine, source, papers in (
        ("paper-2026", "2604.02110", {"16x16": 0.927, "32x32": 0.923}),
        ("paper-2025", "2505.18824", {"16x16": 0.893, "32x32": 0.87}),
    ):
        for group, paper in papers.items():
            what = f"utilisation, S=4096 D=128 B=4, group {group}, {machine}"
            some = grid.some(machine=machine, workload=long, asked_group=group, target="steady")
            if not some:
                found.append(_without(what, source, paper, "%"))
                continue
            found.append(_share(what, source, paper, some[0], why))
    for point in grid.some(target="forward", machine="paper-2026", workload=long):
        what = f"the same, loading tiles pass on, group {point.asked_group}, paper-2026"
        found.append(_share(what, "2604.02110", 0.923, point, why))
    return found


def _ratio(top: ModelPoint, bottom: ModelPoint) -> tuple[float, float, float]:
    """Cycles of `top` over those of `bottom`, and the interval if both are off the other way."""
    ours, first, second = top.cycles / bottom.cycles, bounds(top), bounds(bottom)
    return ours, first.low / second.high, first.high / second.low


def _alone(grid: Grid32) -> list[PaperClaim]:
    """FlashAttention, each tile alone."""
    flat, fast, slow = (
        grid.one(machine="paper-2025", workload=LONG, dataflow=name, asked_group="")
        for name in ("flat-async", "flash3", "flash2")
    )
    traffic = fast.hbm_bytes / flat.hbm_bytes
    most = max((fast, slow), key=lambda point: point.hbm_bandwidth_utilization)
    west = {point.dataflow: point for point in grid.some(machine="paper-west", workload=LONG)}
    rows = (
        "FlashAttention-3 fills L1 with query rows here, more than the papers' 128, and so reads K "
        "and V less often"
    )
    links = (
        "the links at the channels are full before the channels: packets of all tiles go along the "
        "row of the south channels first (XY); the papers' responses take no time on links"
    )
    return [
        PaperClaim(
            "speed-up over FlashAttention-3, S=4096 D=128 B=2",
            "2604.02110",
            4.1,
            *_ratio(fast, flat),
            "x",
            f"FlashAttention-3 is slower here: {links}",
            rows,
        ),
        _west(west, rows),
        PaperClaim(
            "less HBM traffic than FlashAttention-3",
            "2604.02110",
            16,
            traffic,
            traffic,
            traffic,
            "x",
            "",
            f"{rows}; exact, not a prediction",
        ),
        PaperClaim(
            "HBM bandwidth that FlashAttention-2 and -3 reach (the larger)",
            "2604.02110",
            0.8,
            *_hbm(most),
            "%",
            "",
            links,
        ),
    ]


def _west(points: dict[str, ModelPoint], rows: str) -> PaperClaim:
    """The speed-up where no row of links is shared by channels."""
    what = "the same with all channels west"
    if len(points) < 2:
        return _without(what, "2604.02110", 4.1, "x")
    why = f"{rows}; and these channels share no row of links"
    ratio = _ratio(points["flash3"], points["flat-async"])
    return PaperClaim(what, "2604.02110", 4.1, *ratio, "x", "", why)


def _groups(grid: Grid32) -> list[PaperClaim]:
    """Group sizes: figure 4 of arXiv 2505.18824."""
    found = []
    for length, times in PAPER_MICROSECONDS.items():
        paper = min(times, key=lambda group: times[group])
        workload = prefill(length, 128, 4)
        best = grid.best("paper-2025", workload)
        wide = grid.one(machine="paper-2025", workload=workload, asked_group="32x32")
        found.append(
            PaperClaim(
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


def _software(grid: Grid32) -> list[PaperClaim]:
    """Collectives in software."""
    fast = grid.one(machine="paper-2025", workload=LONG, dataflow="flash3")
    hard, tree, sequence = (
        grid.one(machine="paper-2025", workload=LONG, dataflow=name, asked_group="32x32")
        for name in ("flat", *_SOFTWARE)
    )
    return [
        PaperClaim(
            "share of time that trees in software add to flat, group 32x32",
            "2604.02110",
            0.65,
            *_lost(hard, tree),
            "%",
            "",
            "our trees cut messages into segments and overlap with the products",
        ),
        PaperClaim(
            "time of flat with sequential sends over FlashAttention-3, group 32x32",
            "2505.18824",
            5.617 / 2.692,
            *_ratio(sequence, fast),
            "x",
            "sequential sends do not hide behind the products",
            "FlashAttention-3 is slower here, our sequential sends run beside the products",
        ),
    ]


def _gh200(grid: Grid32) -> list[PaperClaim]:
    rows = beside(grid)
    ranges = [bounds(row.point) for row in rows]
    compute = [row.point for row in rows if row.compute_bound]
    arrays = [utilization_range(point) for point in compute]
    channels = [_hbm(row.point) for row in rows if not row.compute_bound]
    if not any(row.kernel in ("mha decode", "gqa decode") for row in rows):
        channels = []  # of the papers' memory-bound kernels, none
    return [
        PaperClaim(
            f"speed-up over GH200, mean of {len(rows)} kernels (the papers': of 41)",
            "2604.02110",
            1.9,
            mean_speedup(rows),
            _mean_at(rows, [one.high for one in ranges]),
            _mean_at(rows, [one.low for one in ranges]),
            "x",
            "utilisation is higher than the papers'",
            "short kernels: the start, some thousand cycles, is not hidden; batches are ours",
        ),
        PaperClaim(
            f"utilisation of compute-bound kernels, mean of {len(compute)}",
            "2604.02110",
            0.86,
            mean(point.matrix_utilization for point in compute),
            mean(low for low, _ in arrays),
            mean(high for _, high in arrays),
            "%",
            "",
            "MLA: a row of Q and O of 576 and 512 columns leaves L1 for few keys",
        ),
        _memory(channels),
    ]


def _memory(channels: list[tuple[float, float, float]]) -> PaperClaim:
    """What memory-bound kernels reach of the bandwidth, with the interval of each."""
    what = "HBM bandwidth of memory-bound kernels, mean"
    if not channels:
        return _without(what, "2604.02110", 0.78, "%")
    return PaperClaim(
        what,
        "2604.02110",
        0.78,
        mean(share for share, _, _ in channels),
        mean(low for _, low, _ in channels),
        mean(high for _, _, high in channels),
        "%",
        "channels serve without gaps: no banks, rows or refresh in our HBM",
        "short kernels: the start, some thousand cycles, is not hidden",
    )


def _mean_at(rows: list[Beside], cycles: list[int]) -> float:
    """The mean speed-up with other cycles."""
    pairs = zip(rows, cycles, strict=True)
    return mean(row.speedup * row.point.cycles / other for row, other in pairs)


def _hbm(point: ModelPoint) -> tuple[float, float, float]:
    """Its share of the bandwidth, and the interval."""
    range_, share = bounds(point), point.hbm_bandwidth_utilization
    busy = share * point.cycles
    return share, busy / range_.high, min(1.0, busy / range_.low)


def _lost(fast: ModelPoint, slow: ModelPoint) -> tuple[float, float, float]:
    """The share of the slow one's time that the fast one does not need, and the interval."""
    ratio, low, high = _ratio(slow, fast)
    return 1 - 1 / ratio, 1 - 1 / low, 1 - 1 / high
