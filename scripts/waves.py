"""`make waves`: part of a run as a waveform, with views for GTKWave and Surfer."""

import os
import time
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console

from isa.errors import UserError
from programs.compiler import compile_workload
from programs.tensors import Tensors, load_workload
from publish.output import clear, show, wide_console, write_json, write_result
from scripts.options import common_parser, machine_of, main, overrides, positive
from tb import toolchain
from tb.experiment import Experiment, run_experiment
from tb.mesh import RunFailure, Settings, Window
from tb.runner import ROOT
from verify.mutants.faults import FAULTS, faulty
from waves.read.size import cycles_of, header_bytes, most_bytes_per_cycle
from waves.read.vcd import read
from waves.rebuild.analysis import inspect
from waves.rebuild.expected import NOTED
from waves.rebuild.window import find, parse_collective, window_of
from waves.views import open_viewer, to_fst, viewer_command, write_views

END = 2**31
"""No run is longer."""
CYCLES = 20_000
"""Cycles of a window whose end is not given."""


@dataclass
class _Runs:
    """The same run, as often as it is needed."""

    options: object
    console: Console

    def __post_init__(self):
        o = self.options
        self.machine, self.seed = machine_of(o), positive("SEED", o.seed)
        self.stall = min(positive("STALL", o.stall) * 256 // 100, 243)
        self.tensors: Tensors = load_workload(o.workload, o.dtype, self.seed, o.ptype, o.otype)
        self.design = faulty(self.machine, o.fault) if o.fault else None
        # Whatever is wrong with what is asked for is said before anything is written.
        compile_workload(self.machine, self.tensors.workload, o.dataflow or None, **overrides(o))

    def window_of(self, scratch: Path, tag: int, number: int) -> tuple[int, int]:
        """The window of a collective: found in a VCD of the whole run, which is removed again."""
        self(Window(scratch))
        try:
            with self.console.status("looking for the collective"):
                return window_of(find(inspect(read(scratch)), tag, number))
        finally:
            scratch.unlink(missing_ok=True)

    def __call__(self, window: Window) -> tuple[Experiment | None, RunFailure | None]:
        """Run with a VCD of `window`: what it gave, or how it failed."""
        settings = Settings(
            stall_rate=self.stall,
            stall_seed=self.seed & 0xFFFF,
            waves=window,
            backpressure=bool(self.design),
        )
        with self.console.status("building the mesh for waveforms, and running it"):
            try:
                return run_experiment(
                    self.machine,
                    self.tensors,
                    self.options.dataflow or None,
                    dtype=self.options.dtype,
                    seed=self.seed,
                    overrides=overrides(self.options),
                    settings=settings,
                    design=self.design,
                ), None
            except RunFailure as failure:
                return None, failure


def run() -> int:
    """Run, and write the VCD, the views, and what inspect needs to know of the run."""
    parser = common_parser(__doc__)
    env = os.environ.get
    parser.add_argument(
        "--from",
        dest="first",
        default=env("FROM") or "",
        help="first cycle of the window; 0 if empty (FROM)",
    )
    parser.add_argument(
        "--to",
        dest="last",
        default=env("TO") or "",
        help=f"last cycle, or end; {CYCLES:,} cycles if empty (TO)",
    )
    parser.add_argument(
        "--collective",
        default=env("COLLECTIVE") or "",
        help="TAG or TAG:NUMBER instead of FROM and TO (COLLECTIVE)",
    )
    parser.add_argument(
        "--fault",
        default=env("FAULT") or "",
        help=f"break the hardware: {', '.join(f.name for f in FAULTS)} (FAULT)",
    )
    parser.add_argument(
        "--format",
        default=env("FORMAT") or "vcd",
        choices=["vcd", "fst"],
        help="fst: an FST file as well (FORMAT)",
    )
    parser.add_argument(
        "--open",
        default=env("OPEN") or "0",
        choices=["0", "1"],
        help="1: start the installed viewer (OPEN)",
    )
    parser.add_argument("--out", default="waves", help="folder under build")
    options = parser.parse_args()
    console = wide_console()
    toolchain.environment()  # says what is missing before anything takes time
    started = time.perf_counter()
    first, last = _asked(options)
    folder = ROOT / "build" / options.out
    if options.open == "1":
        viewer_command(folder / "waves.vcd", folder / "views")
    runs = _Runs(options, Console(stderr=True))
    vcd = folder / "waves.vcd"
    if options.collective:
        first, last = runs.window_of(folder / "search.vcd", *parse_collective(options.collective))
    clear(folder, "waves.vcd", "waves.fst", "run.json", "result.json", "views")
    experiment, failure = runs(Window(vcd, first, last))
    if not vcd.exists():
        if failure:
            raise failure
        raise UserError(
            f"FROM={first} is outside the run, whose last activity is in cycle {experiment.run.cycles}"
        )
    _note(options, folder)
    dump = vcd
    if options.format == "fst":
        dump = to_fst(vcd, headers=toolchain.include_folder, kept=ROOT / "build" / "tools")
    views = write_views(vcd, folder / "views", dump=dump)
    result = _result(experiment, vcd, dump, time.perf_counter() - started)
    path = write_result(options.out, result)
    _report(console, options, result, vcd, dump, views, path)
    if options.open == "1":
        console.print(f"opened: {' '.join(map(str, open_viewer(dump, folder / 'views').args))}")
    if failure:
        raise failure
    if not result["bit_exact"] and not options.fault:
        raise UserError(experiment.first_mismatch)
    return 0


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


def _note(options, folder: Path) -> None:
    """Keep what was run beside the VCD: with it, an inspection can ask the golden machine what
    should be there.
    """
    write_json(folder / "run.json", {name: getattr(options, name) for name in NOTED})


def _result(experiment: Experiment | None, vcd: Path, dump: Path, seconds: float) -> dict:
    """The flat result. The cycles of the run are not known if it failed."""
    first, last = cycles_of(vcd)
    size = vcd.stat().st_size
    return {
        "first": first,
        "last": last,
        "run_cycles": experiment.run.cycles if experiment else None,
        "vcd_bytes": size,
        "dump_bytes": dump.stat().st_size,
        "bytes_per_cycle": (size - header_bytes(vcd)) / (last - first + 1),
        "most_bytes_per_cycle": most_bytes_per_cycle(vcd),
        "bit_exact": experiment.result["bit_exact"] if experiment else None,
        "workload": experiment.result["workload"] if experiment else None,
        "dataflow": experiment.result["dataflow"] if experiment else None,
        "seconds": seconds,
    }


def _report(
    console: Console, options, result: dict, vcd: Path, dump: Path, views: list[Path], path: Path
) -> None:
    at = lambda file: str(file.relative_to(ROOT))  # noqa: E731
    run_cycles = (
        f"last activity of the run in cycle {result['run_cycles']:,}"
        if result["run_cycles"]
        else "of a run that failed"
    )
    rate = f"{result['bytes_per_cycle']:,.0f} B a cycle, at most {result['most_bytes_per_cycle']:,} B if every signal changed"
    verdict = {True: "bit-exact", False: "WRONG", None: "none: the run failed"}[result["bit_exact"]]
    rows = [
        ("window", f"cycles {result['first']:,} to {result['last']:,}", run_cycles),
        ("waveform", f"{result['vcd_bytes'] / 1e6:,.2f} MB", f"{at(vcd)}: {rate}"),
        *([("FST", f"{result['dump_bytes'] / 1e6:,.2f} MB", at(dump))] if dump != vcd else []),
        ("output", verdict, "RTL against the golden machine, every output bit"),
        ("GTKWave", at(views[0]), f"gtkwave {at(dump)} {at(views[0])}"),
        (
            "Surfer",
            at(views[1]),
            f"cd {at(views[1].parent)}; surfer --state-file {views[1].name} {os.path.relpath(dump, views[1].parent)}",
        ),
        ("look into it", "make inspect", "collectives, checks, report"),
    ]
    title = f"{result['workload'] or options.workload}, {result['dataflow'] or options.dataflow} on {options.machine} {options.mesh}".strip()
    show(console, title, rows)
    console.print(f"result: {at(path)}")


if __name__ == "__main__":
    main(run)
