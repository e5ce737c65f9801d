"""`make sim`: attention or a GEMM on the RTL mesh, compared with the golden machine bit by bit."""

import shlex
import sys

from isa.machine import MACHINES
from publish.experiment import report
from publish.output import progress_console
from publish.progress import RunProgress
from publish.runs import check_npz, new_folder, write_npz, write_run
from scripts.front import main
from scripts.options import machine_of, overrides, positive, settings_of, target_parser, tensors_of
from scripts.targets import TARGETS
from tb import toolchain
from tb.experiment import Experiment, Rig, run_experiment
from tb.files import write
from tb.mesh import Window
from tb.runner import ROOT


def run() -> int:
    """Run one experiment as the options say."""
    parser = target_parser("sim", __doc__)
    parser.add_argument("--folder", default="sim", help="folder under build")
    options = parser.parse_args()
    toolchain.environment()  # says what is missing before anything takes time
    out = check_npz(options.out) if options.out else None
    folder = new_folder(options.folder)
    waves = Window(folder / "waves.vcd") if options.waves == "1" else None
    try:
        experiment = _run(options, waves)
    except BaseException:
        if not any(folder.iterdir()):
            folder.rmdir()
        raise
    if options.machine not in MACHINES:
        write(folder / "machine.toml", machine_of(options).to_toml())
    path = write_run(folder, experiment.result, experiment.arrays)
    if out:
        write_npz(out, experiment.arrays)
    report(experiment, path)
    if waves:
        path = waves.path.relative_to(ROOT)
        print(f"waveform of the run: {path} (make inspect VCD={path} looks into it)")
    if not experiment.passed:
        print(f"flatmesh: {experiment.why}", file=sys.stderr)
        print(f"repeat with: {repeat(options)}", file=sys.stderr)
    return 0 if experiment.passed else 1


def _run(options, waves: Window | None) -> Experiment:
    """The experiment, with its progress on the terminal."""
    console = progress_console()
    given = options.threads
    threads = positive("THREADS", given, least=1, most=64) if given else None
    machine, settings = machine_of(options), settings_of(options, waves=waves, threads=threads)
    tensors = tensors_of(options, quiet=True)  # the report says it
    with RunProgress(console) as shown:
        return run_experiment(
            machine,
            tensors,
            options.dataflow or None,
            overrides=overrides(options),
            settings=settings,
            rig=Rig(say=shown.say, expect=shown.expect, progress=shown.at),
        )


def repeat(options) -> str:
    """The command that does the same again, whatever the environment holds by then."""
    values = {name: getattr(options, name.lower()) for name in TARGETS["sim"].names}
    given = "".join(
        f" --{name.lower()} {shlex.quote(value)}"
        for name, value in values.items()
        if name == "DTYPE" or (value and name not in ("WAVES", "OUT"))
    )
    return f"{sys.executable} -m scripts.sim{given}"


if __name__ == "__main__":
    main(run)
