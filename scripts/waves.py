"""`make waves`: part of a run as a waveform, with views for GTKWave and Surfer."""

import os
import time

from isa.errors import UserError
from publish.output import clear, progress_console, wide_console, write_result
from publish.recording import Files, Recorder, report, result_of
from scripts.front import main
from scripts.options import machine_of, overrides, positive, settings_of, target_parser, tensors_of
from tb import toolchain
from tb.files import write_json
from tb.mesh import Window
from tb.runner import ROOT
from verify.mutants.faults import faulty
from waves.rebuild.expected import NOTED
from waves.rebuild.window import parse_collective
from waves.views import open_viewer, to_fst, viewer_command, write_views

END = 2**31
"""No run is longer."""
CYCLES = 20_000
"""Cycles of a window whose end is not given."""


def run() -> int:
    """Run, and write the VCD, the views, and what inspect needs to know of the run."""
    parser = target_parser("waves", __doc__)
    parser.add_argument("--out", default="waves", help="folder under build")
    options = parser.parse_args()
    toolchain.environment()  # says what is missing before anything takes time
    started, (first, last) = time.perf_counter(), _asked(options)
    folder = ROOT / "build" / options.out
    vcd = folder / "waves.vcd"
    os.environ["VIEWER"] = options.viewer
    if options.open == "1":
        viewer_command(vcd, folder / "views")
    recorder = _recorder(options)
    if options.collective:
        wanted = parse_collective(options.collective)
        first, last = recorder.window_of(folder / "search.vcd", *wanted)
    clear(folder, "waves.vcd", "waves.fst", "run.json", "result.json", "views")
    experiment, failure = recorder(Window(vcd, first, last))
    if not vcd.exists():
        end = f"whose last activity is in cycle {experiment.run.cycles if experiment else None}"
        raise failure or UserError(f"FROM={first} is outside the run, {end}")
    # With this, an inspection can ask the golden machine what should be there.
    write_json(folder / "run.json", {name: getattr(options, name) for name in NOTED})
    dump = vcd
    if options.format == "fst":
        dump = to_fst(vcd, headers=toolchain.include_folder, kept=ROOT / "build" / "tools")
    files = Files(vcd, dump, write_views(vcd, folder / "views", dump=dump))
    result = result_of(experiment, files, time.perf_counter() - started)
    path, console = write_result(options.out, result), wide_console()
    report(console, _title(options, result), result, files, path)
    if options.open == "1":
        open_viewer(dump, folder / "views")
        console.print(f"opened: {' '.join(viewer_command(dump, folder / 'views'))}")
    if failure:
        raise failure
    if experiment and not result["bit_exact"] and not options.fault:
        raise UserError(experiment.first_mismatch)
    return 0


def _recorder(o) -> Recorder:
    machine, settings, tensors = machine_of(o), settings_of(o), tensors_of(o)
    design = faulty(machine, o.fault) if o.fault else None
    run = (machine, tensors, o.dataflow or None, overrides(o), settings, design)
    return Recorder(*run, progress_console())


def _title(o, result: dict) -> str:
    what = f"{result['workload'] or o.workload}, {result['dataflow'] or o.dataflow}"
    return f"{what} on {o.machine} {o.mesh}".strip()


def _asked(options) -> tuple[int, int | None]:
    """FROM and TO as the user gave them."""
    if options.collective and (options.first or options.last):
        raise UserError("COLLECTIVE chooses the window: leave out FROM and TO")
    if options.collective:
        parse_collective(options.collective)
    first = positive("FROM", options.first or "0")
    if first >= END:
        raise UserError(f"FROM must be below {END:,}, not {first:,}")
    if options.last == "end":
        return first, None
    last = min(positive("TO", options.last), END) if options.last else first + CYCLES - 1
    if last < first:
        raise UserError(f"TO={last} is before FROM={first}")
    return first, last


if __name__ == "__main__":
    main(run)
