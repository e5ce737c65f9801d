"""`make waves`: the run that is recorded, its result, and what is printed of it."""

import os
from dataclasses import dataclass, replace
from pathlib import Path
from typing import NamedTuple

from rich.console import Console

from isa.machine import Machine
from programs.compiler import compile_workload
from programs.tensors import Tensors
from publish.output import show
from tb.experiment import Experiment, Rig, run_experiment
from tb.hardware import Design
from tb.mesh import RunFailure, Settings, Window
from tb.runner import ROOT
from waves.read.size import cycles_of, header_bytes, most_bytes_per_cycle
from waves.read.vcd import read
from waves.rebuild.analysis import inspect
from waves.rebuild.window import find, window_of

__all__ = ["Files", "Recorder", "report", "result_of"]


@dataclass(frozen=True)
class Recorder:
    """The same run, as often as it is needed.

    Raises
    ------
    UserError
        If the workload cannot be compiled: said before anything is written.
    """

    machine: Machine
    tensors: Tensors
    dataflow: str | None
    overrides: dict
    settings: Settings
    design: Design | None
    """With a fault, in place of our hardware."""
    console: Console

    def __post_init__(self):
        compile_workload(self.machine, self.tensors.workload, self.dataflow, **self.overrides)

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
        settings = replace(self.settings, waves=window, backpressure=bool(self.design))
        with self.console.status("building the mesh for waveforms, and running it"):
            try:
                return run_experiment(
                    self.machine,
                    self.tensors,
                    self.dataflow,
                    overrides=self.overrides,
                    settings=settings,
                    rig=Rig(self.design),
                ), None
            except RunFailure as failure:
                return None, failure


class Files(NamedTuple):
    """What a recording leaves."""

    vcd: Path
    dump: Path
    """What viewers open: an FST file, or the VCD itself."""
    views: list[Path]


def result_of(experiment: Experiment | None, files: Files, seconds: float) -> dict:
    """The flat result. The cycles of the run are not known if it failed."""
    vcd, dump, _ = files
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


def report(console: Console, title: str, result: dict, files: Files, path: Path) -> None:
    """Print what was recorded, and the commands that look into it; `path` is that of the result."""
    vcd, dump, views = files
    at = lambda file: str(file.relative_to(ROOT))  # noqa: E731
    run_cycles = (
        f"last activity of the run in cycle {result['run_cycles']:,}"
        if result["run_cycles"]
        else "of a run that failed"
    )
    most = f"at most {result['most_bytes_per_cycle']:,} B if every signal changed"
    rate = f"{result['bytes_per_cycle']:,.0f} B a cycle, {most}"
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
            f"cd {at(views[1].parent)}; surfer --state-file {views[1].name} "
            f"{os.path.relpath(dump, views[1].parent)}",
        ),
        ("look into it", "make inspect", "collectives, checks, report"),
    ]
    show(console, title, rows)
    console.print(f"result: {at(path)}")
