"""What `make inspect` prints."""

import math
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console

from golden.statistics import CollectiveRecord
from isa.words import counted
from publish.output import Table, show
from waves.rebuild.expected import Expectation
from waves.rebuild.inspection import Inspection, Transfer, area
from waves.rebuild.stalls import MatrixStall, matrix_stalls

__all__ = ["print_report"]

STALLS = 4
"""Stalls of the matrix arrays that are printed."""


def print_report(
    console: Console,
    inspection: Inspection,
    expectation: Expectation | None,
    result: dict,
    listed: int,
    tag: int | None,
) -> None:
    """Print what was found: by kind, beside the golden machine's list; `listed` one by one, of one
    `tag` or all; and in total.
    """
    recording = inspection.recording
    title = expectation.name if expectation else Path(result["vcd"]).name
    _kinds(inspection, expectation, title).show(console)
    found = (
        [c for c in inspection.transfers if c.tag == tag and c.kind != "signal"]
        if tag is not None
        else inspection.collectives
    )
    if listed:
        _each(
            found[:listed],
            f"{'transfers' if tag is not None else 'collectives'} one by one",
            len(found),
        ).show(console)
    if found_stalls := matrix_stalls(inspection, STALLS):
        _stalls(found_stalls).show(console)
    rho = "" if result["mean_rho"] is None else f"{result['mean_rho']:.3f}"
    golden = "no note of what was run beside the VCD"
    if expectation:
        golden = f"the golden machine lists {result['expected']:,} in the whole run"
    rows = [
        (
            "window",
            f"cycles {recording.first:,} to {recording.last:,}",
            f"{recording.facts.columns}x{recording.facts.rows} mesh, {recording.flits:,} flits on "
            "links",
        ),
        (
            "collectives",
            f"{result['collectives']:,}",
            f"{result['multicasts']:,} multicasts, {result['reductions']:,} reductions; {golden}",
        ),
        (
            "latency / bound",
            rho,
            "mean over collectives that are whole in the window; 1 cannot be beaten",
        ),
        (
            "checks",
            counted(len(inspection.problems), "problem") if inspection.problems else "all passed",
            "trees as demanded, every word once to every member, every contribution once",
        ),
        (
            "took",
            f"{result['seconds']:.1f} s, {result['peak_mb']:.0f} MB",
            f"{recording.changes:,} value changes read, rebuilt and checked",
        ),
    ]
    show(console, title, rows)
    for problem in inspection.problems[:listed]:
        console.print(f"[red]problem[/] {problem}", highlight=False)
    if len(inspection.problems) > listed:
        console.print(
            f"... and {counted(len(inspection.problems) - listed, 'more problem')} "
            "(100 of them in result.json, all in the report)"
        )


def _shape(c: Transfer | CollectiveRecord) -> tuple:
    """What collectives of one row of the table have in common."""
    west, south, east, north = c.rectangle
    return c.kind, c.op or "", c.tag, f"{east - west + 1}x{north - south + 1}", c.words


def _kinds(inspection: Inspection, expectation: Expectation | None, title: str) -> Table:
    """Collectives of one kind together, beside what the golden machine lists."""
    groups: dict[tuple, list[Transfer]] = {}
    for collective in inspection.collectives:
        groups.setdefault(_shape(collective), []).append(collective)
    golden: dict[tuple, int] = {}
    for key, count in expectation.counts.items() if expectation else ():
        golden[_shape(key)] = golden.get(_shape(key), 0) + count
    rows = []
    for shape in sorted({*groups, *golden}):
        kind, op, tag, members, words = shape
        found = groups.get(shape, [])
        whole = [c for c in found if c.whole and c.bound]
        rows.append(
            (
                f"{kind} {op}".strip(),
                str(tag),
                members,
                str(words),
                f"{words * inspection.recording.facts.word_bytes:,}",
                f"{len(found):,}",
                f"{golden.get(shape, 0):,}" if expectation else "?",
                _mean([c.latency for c in whole], 1),
                f"{whole[0].bound}" if whole else "",
                _mean([c.rho for c in whole], 3),
                f"{sum(hop.fork_wait for c in found for hop in c.hops):,}",
                f"{sum(hop.join_wait for c in found for hop in c.hops):,}",
            )
        )
    heads = (
        "collective",
        "tag",
        "tiles",
        "words",
        "bytes",
        "seen",
        "golden",
        "latency",
        "bound",
        "ratio",
        "fork wait",
        "join wait",
    )
    note = (
        ""
        if inspection.recording.first == 0 and inspection.recording.finished
        else "seen: in the window; golden: in the whole run"
    )
    return Table(f"collectives of {title}", heads, rows, note)


def _each(found: Sequence[Transfer], what: str, total: int) -> Table:
    """Collectives one by one."""
    rows = []
    for c in found:
        issued = sorted(c.issued.values())
        done = sorted(c.completed.values())
        rows.append(
            (
                str(c.number),
                f"{c.kind} {c.op or ''}".strip(),
                str(c.tag),
                f"({c.root[0]},{c.root[1]})",
                area(c.rectangle),
                f"{c.words}",
                _span(issued, "before"),
                str(min((hop.first for hop in c.hops), default="")),
                _span(done, "after"),
                str(c.latency) if c.whole else "cut",
                str(c.bound or ""),
                f"{c.rho:.3f}" if c.whole and c.bound else "",
            )
        )
    heads = (
        "number",
        "transfer",
        "tag",
        "root",
        "tiles",
        "words",
        "issued",
        "first flit",
        "complete",
        "latency",
        "bound",
        "ratio",
    )
    note = (
        f"{len(found)} of {total:,}; LIST=N prints more, "
        "all are in collectives.json and in the report"
        if total > len(found)
        else ""
    )
    return Table(what, heads, rows, note)


def _stalls(found: Sequence[MatrixStall]) -> Table:
    """The longest stalls of the matrix arrays."""
    rows = [
        (
            f"{stall.begin}..{stall.end}",
            str(stall.cycles),
            f"({stall.tile[0]},{stall.tile[1]})",
            str(stall.tiles),
            stall.waits_for,
            stall.until,
        )
        for stall in found
    ]
    return Table(
        "longest stalls of the matrix arrays",
        ("cycles", "length", "tile", "tiles at this time", "waits for", "until"),
        rows,
    )


def _span(cycles: Sequence[int], otherwise: str) -> str:
    if not cycles:
        return otherwise
    return str(cycles[0]) if cycles[0] == cycles[-1] else f"{cycles[0]}..{cycles[-1]}"


def _mean(values: Sequence[float], digits: int) -> str:
    return f"{math.fsum(values) / len(values):.{digits}f}" if values else ""
