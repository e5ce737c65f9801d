"""Files that `make inspect` writes."""

import math
import resource
from dataclasses import asdict
from pathlib import Path

from publish.output import clear
from tb.files import write_json
from waves.rebuild.expected import Expectation
from waves.rebuild.inspection import Inspection, Transfer
from waves.rebuild.stalls import matrix_stalls
from waves.report import pictures, write_report
from waves.report.trace import write_trace

__all__ = ["clear_files", "result_of", "write_files"]

STALLS = 100
"""Stalls of the matrix arrays that are kept."""


def clear_files(folder: Path) -> None:
    """Make the folder, and remove what an earlier inspection left there."""
    names = ("report.html", "trace.json.gz", "collectives.json", "stalls.json", "pictures")
    clear(folder, "result.json", *names)
    folder.mkdir(parents=True, exist_ok=True)


def write_files(
    inspection: Inspection, folder: Path, title: str, chosen: Transfer | None
) -> list[Path]:
    """Write report, trace, lists and pictures, of which one shows the collective `chosen`; the
    first path is that of the report.
    """
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


def result_of(inspection: Inspection, expectation: Expectation | None, seconds: float) -> dict:
    """The flat result."""
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
