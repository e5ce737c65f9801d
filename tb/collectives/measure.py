"""Runs a plan on the RTL, checks every result bit for bit, and reads the cycles off the
event log.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from golden.machine import GoldenMachine
from isa.errors import UserError
from isa.geometry import TileXY
from isa.status import Event
from programs.collectives.collective import Collective
from tb.collectives.expect import expected
from tb.collectives.series import MARKER_TAG, Item, SeriesLane, SeriesPlan
from tb.mesh import MeshRun, Settings, simulate

__all__ = ["Timing", "check", "distance", "measure", "run_golden"]

WATCHDOG = 20_000


@dataclass(frozen=True)
class Timing:
    """What one item took, in cycles."""

    cycles: int
    """From the first issue of one of its instructions to the last word written in L1, both
    included.
    """
    startup: int
    """From that issue to the first flit that enters a network."""
    skew: int
    """Between the first and the last member's first instruction, where all members issue one."""
    first: int
    """The cycle of the first issue."""


def distance(c: Collective) -> int:
    """Hops from the source to the farthest member or from there to the root; both ways for an
    all-reduce.
    """
    far = max(abs(x - c.root[0]) + abs(y - c.root[1]) for x, y in c.rectangle.tiles())
    return 2 * far if c.kind == "allreduce" else far


def run_golden(made: SeriesPlan) -> list[NDArray[np.uint8]]:
    """The dumped words of every channel after the golden machine has run the plan."""
    golden = GoldenMachine(made.machine, made.programs, [content.copy() for content in made.hbm])
    golden.run()
    word_bytes, (first, last) = made.machine.tile.word_bytes, made.dump
    dumped = []
    for channel in golden.hbm:
        content = channel.view(np.uint8).reshape(-1)[: (last + 1) * word_bytes]
        dumped.append(
            np.pad(content, (0, (last + 1) * word_bytes - len(content)))[first * word_bytes :]
        )
    return dumped


def check(made: SeriesPlan, dumped: list[NDArray[np.uint8]], who: str) -> int:
    """Compare every receiver's words with `expected`; return the number of words.

    Raises
    ------
    UserError
        One line that names the first item, tile and element that differ.
    """
    each, words = made.machine.tile.word_bytes // 4, 0
    for lane in made.lanes:
        for item in lane.items:
            for c in item.collectives:
                sources = {
                    tile: made.sources[tile][: c.words * each]
                    for tile in {*c.rectangle.tiles(), c.root}
                }
                for tile, values in expected(c, sources).items():
                    at = (c.target - made.first_target) * each
                    seen = made.results(tile, dumped).view(np.uint32)[at : at + c.words * each]
                    wrong = np.flatnonzero(seen != values.view(np.uint32))
                    if len(wrong):
                        raise UserError(
                            f"{who}: {item.key} at tile {tile}: {len(wrong)} of {len(seen)} "
                            f"elements differ, first element {wrong[0]}: expected "
                            f"{values.view(np.uint32)[wrong[0]]:#010x}, got {seen[wrong[0]]:#010x}"
                        )
                    words += c.words
    return words


def measure(
    made: SeriesPlan, *, progress: Callable[[int], None] | None = None
) -> tuple[dict[tuple, Timing], MeshRun]:
    """Run the plan on golden and on the RTL; the timing of each item by its key.

    Raises
    ------
    UserError
        If a result differs from what it must be, or items were not apart.
    """
    golden = run_golden(made)
    check(made, golden, "golden")
    images = {tile: program.words() for tile, program in made.programs.items()}
    settings = Settings(watchdog=WATCHDOG, events=True)
    run = simulate(
        made.machine, images, made.hbm, dump=made.dump, settings=settings, progress=progress
    )
    dumped = [content[: len(reference)] for content, reference in zip(run.hbm, golden, strict=True)]
    check(made, dumped, "RTL")
    if any(
        not np.array_equal(content, reference)
        for content, reference in zip(dumped, golden, strict=True)
    ):
        raise UserError("RTL: words beside the results differ from the golden machine's")
    assert run.events is not None
    return read_timings(made.lanes, run.events), run


def read_timings(lanes: list[SeriesLane], events: NDArray) -> dict[tuple, Timing]:
    """Cycles of every item."""
    lag = None
    timings: dict[tuple, Timing] = {}
    for lane in lanes:
        x0, y0, x1, y1 = lane.rectangle
        inside = (
            (events["x"] >= x0) & (events["x"] <= x1) & (events["y"] >= y0) & (events["y"] <= y1)
        )
        mine = events[inside]
        by_tag = {int(tag): mine[mine["tag"] == tag] for tag in np.unique(mine["tag"])}
        marks = by_tag.get(MARKER_TAG, mine[:0])
        marks = marks[marks["kind"] == Event.ISSUE_OUT]
        if lag is None and len(marks):
            lag = _marker_lag(lane, by_tag, marks)
        previous = -1
        for item in lane.items:
            timing, end = _timing(item, by_tag, marks, lag or 0)
            if timing.first <= previous:
                raise UserError(
                    f"{item.key} began in cycle {timing.first}, the item before it ended in "
                    f"{previous}"
                )
            previous = end
            timings[item.key] = timing
    return timings


def _timing(item: Item, by_tag: dict[int, NDArray], marks: NDArray, lag: int) -> tuple[Timing, int]:
    seen = np.concatenate([by_tag[c.tag] for c in item.collectives])
    issued = seen[seen["kind"] == Event.ISSUE_OUT]
    first = int(issued["cycle"].min())
    written = seen[(seen["kind"] == Event.WRITE_DATA) | (seen["kind"] == Event.WRITE_REDUCE)]
    last = int(written["cycle"].max())
    if item.marked:
        # The first mark of every receiver after the first issue belongs to this item.
        tiles = {tile for c in item.collectives for tile in _told(c)}
        for tile in tiles:
            at = marks[
                (marks["x"] == tile[0]) & (marks["y"] == tile[1]) & (marks["cycle"] > first)
            ]["cycle"]
            last = max(last, int(at.min()) - lag)
    injected = seen[seen["kind"] == Event.INJECT]["cycle"]
    starts: dict[TileXY, int] = {}
    for record in issued[np.argsort(issued["cycle"], kind="stable")]:
        starts.setdefault((int(record["x"]), int(record["y"])), int(record["cycle"]))
    timing = Timing(
        cycles=last - first + 1,
        startup=int(injected.min()) - first,
        skew=max(starts.values()) - first
        if all(c.method == "hardware" for c in item.collectives)
        else 0,
        first=first,
    )
    return timing, last


def _told(c: Collective) -> list[TileXY]:
    return [c.root] if c.kind == "reduce" else c.rectangle.tiles()


def _marker_lag(lane: SeriesLane, by_tag: dict[int, NDArray], marks: NDArray) -> int:
    """Cycles from a word's write, whose bump a marker waits for, to the issue of the marker:
    smallest over all receivers.

    A vector instruction's signal is as late after its last write as a bump is after its word.
    """
    lags = []
    for item in lane.items:
        if not item.marked or any(c.method != "hardware" for c in item.collectives):
            continue
        for c in item.collectives:
            seen = by_tag[c.tag]
            for tile in _told(c):
                here = seen[(seen["x"] == tile[0]) & (seen["y"] == tile[1])]
                written = here[
                    (here["kind"] == Event.WRITE_DATA) | (here["kind"] == Event.WRITE_REDUCE)
                ]["cycle"].max()
                at = marks[
                    (marks["x"] == tile[0]) & (marks["y"] == tile[1]) & (marks["cycle"] > written)
                ]["cycle"]
                lags.append(int(at.min() - written))
    if not lags:
        raise UserError(
            f"lane {lane.rectangle} marks the end of items, but has no marked collective of the "
            "hardware"
        )
    return min(lags)
