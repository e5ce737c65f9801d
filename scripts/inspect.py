"""`make inspect`: the collectives in a waveform, rebuilt from the VCD alone, checked, measured and
drawn.
"""

import argparse
import math
import os
import resource
import time
import webbrowser
from dataclasses import asdict
from pathlib import Path

from rich.console import Console

from isa.errors import UserError
from publish.inspection import print_report
from publish.output import clear, wide_console, write_json, write_result
from scripts.options import main, positive
from tb.runner import ROOT
from waves.read.vcd import read
from waves.rebuild.analysis import inspect
from waves.rebuild.expected import Expectation, expect
from waves.rebuild.inspection import Inspection, Transfer
from waves.rebuild.stalls import matrix_stalls
from waves.rebuild.window import find, parse_collective
from waves.report import pictures, write_report
from waves.report.trace import write_trace

STALLS = 100
"""Stalls of the matrix arrays that are kept."""
LISTED = 24
"""Collectives, and problems, that are printed one by one."""


def run() -> int:
    """Read, rebuild, check, write."""
    options = _options()
    console, err = wide_console(), Console(stderr=True)
    started = time.perf_counter()
    vcd = Path(options.vcd) if options.vcd else ROOT / "build" / "waves" / "waves.vcd"
    if not options.vcd and not vcd.exists():
        raise UserError(f"there is no {vcd.relative_to(ROOT)}: make waves writes it, or give VCD=")
    tag, number = parse_collective(options.collective) if options.collective else (None, 1)
    listed = positive("LIST", options.list)
    folder = ROOT / "build" / options.out
    clear(
        folder,
        "result.json",
        "report.html",
        "trace.json.gz",
        "collectives.json",
        "stalls.json",
        "pictures",
    )
    folder.mkdir(parents=True, exist_ok=True)
    with err.status("reading the VCD"):
        recording = read(vcd, reader=options.reader)
    with err.status("rebuilding the collectives"):
        inspection = inspect(recording)
    expectation = _expectation(vcd, inspection, err)
    chosen = _chosen(inspection, tag, number)
    seconds = time.perf_counter() - started
    title = expectation.name if expectation else vcd.name
    with err.status("drawing"):
        files = _write(inspection, folder, title, chosen)
    result = {"vcd": str(vcd), **_result(inspection, expectation, seconds)}
    path = write_result(options.out, result)
    print_report(console, inspection, expectation, title, result, listed, tag)
    console.print("written: " + ", ".join(str(file.relative_to(ROOT)) for file in (*files, path)))
    if options.open == "1":
        webbrowser.open(files[0].as_uri())
    return 1 if inspection.problems else 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.ArgumentDefaultsHelpFormatter
    )
    env, add = os.environ.get, parser.add_argument
    add(
        "--vcd",
        default=env("VCD") or "",
        help="the VCD of a mesh; that of the last make waves if empty (VCD)",
    )
    add(
        "--collective",
        default=env("COLLECTIVE") or "",
        help="TAG or TAG:NUMBER: list these, and draw this one (COLLECTIVE)",
    )
    add("--list", default=env("LIST") or str(LISTED), help="collectives to print one by one (LIST)")
    add(
        "--reader",
        default=env("READER") or "vcdvcd",
        choices=["vcdvcd", "pywellen"],
        help="pywellen: faster, same result; always taken for FST files (READER)",
    )
    add(
        "--open",
        default=env("OPEN") or "0",
        choices=["0", "1"],
        help="1: open the report in a browser (OPEN)",
    )
    add("--out", default="inspect", help="folder under build")
    return parser.parse_args()


def _expectation(vcd: Path, inspection: Inspection, console: Console) -> Expectation | None:
    """The golden machine's list, where the VCD says what was run; what differs becomes problems."""
    note = vcd.with_name("run.json")
    if not note.exists():
        return None
    with console.status("asking the golden machine"):
        expectation = expect(note, inspection.recording.facts)
    inspection.problems += expectation.compare(inspection)
    return expectation


def _chosen(inspection: Inspection, tag: int | None, number: int) -> Transfer | None:
    """The collective to draw: the one asked for, else a large one that is whole."""
    if tag is None:
        whole = [c for c in inspection.collectives if c.whole]
        return max(
            whole,
            key=lambda c: ("reduce" in c.kind, len(c.rectangle.tiles()), c.words),
            default=None,
        )
    return find(inspection, tag, number)


def _write(inspection: Inspection, folder: Path, title: str, chosen: Transfer | None) -> list[Path]:
    report, trace, listing = (
        folder / "report.html",
        folder / "trace.json.gz",
        folder / "collectives.json",
    )
    stalls = folder / "stalls.json"
    write_report(inspection, report, title=title)
    write_trace(trace, inspection)
    write_json(listing, [_as_dict(inspection, transfer) for transfer in inspection.transfers])
    write_json(stalls, [asdict(stall) for stall in matrix_stalls(inspection, STALLS)])
    pictures(inspection, folder / "pictures", collective=chosen.number if chosen else None)
    return [report, trace, listing, stalls]


def _as_dict(inspection: Inspection, transfer: Transfer) -> dict:
    """A transfer as JSON; tiles are lists of x and y, cycles lists of x, y and the cycle."""
    by_tile = lambda cycles: [[*tile, cycle] for tile, cycle in cycles.items()]  # noqa: E731
    t = transfer
    return {
        "number": t.number,
        "tag": t.tag,
        "kind": t.kind,
        "op": t.op,
        "root": t.root,
        "rectangle": t.rectangle,
        "words": t.words,
        "bytes": t.bytes,
        "collective": t.is_collective,
        "whole": t.whole,
        "issued": by_tile(t.issued),
        "completed": by_tile(t.completed),
        "start": t.start,
        "end": t.end,
        "latency": t.latency if t.whole else None,
        "bound": t.bound,
        "rho": t.rho if t.whole and t.bound else None,
        "problems": [
            str(problem) for problem in inspection.problems if problem.transfer == t.number
        ],
        "hops": [
            {
                "link": str(hop.link),
                "flits": hop.flits,
                "first": hop.first,
                "last": hop.last,
                "fork_wait": hop.fork_wait,
                "join_wait": hop.join_wait,
                "blocked": hop.blocked,
            }
            for hop in t.hops
        ],
    }


def _result(inspection: Inspection, expectation: Expectation | None, seconds: float) -> dict:
    found = inspection.collectives
    ratios = [c.rho for c in found if c.whole and c.bound]
    return {
        "cycles": inspection.recording.cycles,
        "first": inspection.recording.first,
        "last": inspection.recording.last,
        "collectives": len(found),
        "whole": sum(c.whole for c in found),
        "expected": sum(expectation.counts.values()) if expectation else None,
        "mismatches": len(inspection.problems),
        "problems": [str(problem) for problem in inspection.problems[:100]],
        "multicasts": sum("reduce" not in c.kind for c in found),
        "reductions": sum("reduce" in c.kind for c in found),
        "mean_rho": math.fsum(ratios) / len(ratios) if ratios else None,
        "flits": inspection.recording.flits,
        "changes": inspection.recording.changes,
        "seconds": seconds,
        "peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
    }


if __name__ == "__main__":
    main(run)
