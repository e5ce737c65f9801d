"""`make sim`: attention or a GEMM on the RTL mesh, compared with the golden machine bit by bit."""

import shlex
import sys

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from programs.tensors import load_workload
from publish.experiment import report
from publish.output import write_result
from scripts.options import (
    COMMON,
    common_parser,
    machine_of,
    main,
    overrides,
    positive,
    settings_of,
)
from tb import toolchain
from tb.experiment import Experiment, run_experiment
from tb.mesh import Window
from tb.runner import ROOT


def run() -> int:
    """Run one experiment as the options say."""
    parser = common_parser(__doc__)
    parser.add_argument("--out", default="sim", help="folder under build for result.json")
    options = parser.parse_args()
    toolchain.environment()  # says what is missing before anything takes time
    waves = Window(ROOT / "build" / options.out / "waves.vcd") if options.waves == "1" else None
    experiment = _run(options, waves)
    path = write_result(options.out, experiment.result)
    report(Console(), experiment, path)
    if waves:
        path = waves.path.relative_to(ROOT)
        print(f"waveform of the run: {path} (make inspect VCD=... looks into it)")
    if not experiment.passed:
        print(
            f"flatmesh: {experiment.first_mismatch or 'error_vs_reference is above 2'}",
            file=sys.stderr,
        )
        print(f"repeat with: {repeat(options)}", file=sys.stderr)
    return 0 if experiment.passed else 1


def _run(options, waves: Window | None) -> Experiment:
    """The experiment, with its progress on the terminal."""
    console = Console(stderr=True)
    machine, seed = machine_of(options), positive("SEED", options.seed)
    settings = settings_of(options, waves=waves)
    tensors = load_workload(options.workload, options.dtype, seed, options.ptype, options.otype)
    with Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        TimeElapsedColumn(),
        console=console,
        transient=True,
        disable=not console.is_terminal,
    ) as bar:
        task = bar.add_task("compiling the program", total=None)
        return run_experiment(
            machine,
            tensors,
            options.dataflow or None,
            dtype=options.dtype,
            seed=seed,
            overrides=overrides(options),
            settings=settings,
            say=lambda text: bar.update(task, description=f"{text}; RTL: building and booting"),
            progress=lambda cycle: bar.update(task, description=f"RTL: cycle {cycle:,}"),
        )


def repeat(options) -> str:
    """The command that does the same again, whatever the environment holds by then."""
    given = "".join(
        f" --{name.lower()} {shlex.quote(value)}"
        for name in COMMON
        if name != "WAVES" and (value := getattr(options, name.lower()))
    )
    return f"{sys.executable} -m scripts.sim{given}"


if __name__ == "__main__":
    main(run)
