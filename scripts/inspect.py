"""`make inspect`: the collectives in a waveform, rebuilt from the VCD alone, checked, measured and
drawn.
"""

import time
import webbrowser
from pathlib import Path

from rich.console import Console

from isa.errors import UserError
from publish.inspection.console import print_report
from publish.inspection.files import clear_files, result_of, write_files
from publish.output import progress_console, wide_console, write_result
from scripts.front import main
from scripts.options import positive, target_parser
from tb.runner import ROOT
from waves.read.vcd import read
from waves.rebuild.analysis import inspect
from waves.rebuild.expected import Expectation, expect
from waves.rebuild.inspection import Inspection, Transfer
from waves.rebuild.window import find, parse_collective


def run() -> int:
    """Read, rebuild, check, write."""
    parser = target_parser("inspect", __doc__)
    parser.add_argument("--out", default="inspect", help="folder under build")
    options = parser.parse_args()
    console, err = wide_console(), progress_console()
    started = time.perf_counter()
    vcd = Path(options.vcd) if options.vcd else ROOT / "build" / "waves" / "waves.vcd"
    if not options.vcd and not vcd.exists():
        raise UserError(f"there is no {vcd.relative_to(ROOT)}: make waves writes it, or give VCD=")
    tag, number = parse_collective(options.collective) if options.collective else (None, 1)
    listed = positive("LIST", options.list)
    folder = ROOT / "build" / options.out
    clear_files(folder)
    with err.status("reading the VCD"):
        recording = read(vcd, reader=options.reader)
    with err.status("rebuilding the collectives"):
        inspection = inspect(recording)
    expectation = _expectation(vcd, inspection, err)
    chosen = _chosen(inspection, tag, number)
    seconds = time.perf_counter() - started
    title = expectation.name if expectation else vcd.name
    with err.status("drawing"):
        files = write_files(inspection, folder, title, chosen)
    result = {"vcd": str(vcd), **result_of(inspection, expectation, seconds)}
    path = write_result(options.out, result)
    print_report(console, inspection, expectation, result, listed, tag)
    console.print("written: " + ", ".join(str(file.relative_to(ROOT)) for file in (*files, path)))
    if options.open == "1":
        webbrowser.open(files[0].as_uri())
    return 1 if inspection.problems else 0


def _expectation(vcd: Path, inspection: Inspection, console: Console) -> Expectation | None:
    """The golden machine's list, where the VCD says what was run; what differs becomes problems.
    The names of a program text come with it.
    """
    note = vcd.with_name("run.json")
    if not note.exists():
        return None
    with console.status("asking the golden machine"):
        expectation = expect(note, inspection.recording.facts)
    inspection.listing = expectation.listing
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


if __name__ == "__main__":
    main(run)
