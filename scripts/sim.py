"""`make sim`: attention or a GEMM on the RTL mesh, compared with the golden machine bit by bit."""

import shlex
import sys
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from programs.tensors import load_workload
from publish.output import show, write_result
from scripts.options import common_parser, machine_of, main, overrides, positive
from tb import toolchain
from tb.experiment import Experiment, run_experiment
from tb.mesh import Settings, Window
from tb.runner import ROOT


def run() -> int:
    """Run one experiment as the options say."""
    parser = common_parser(__doc__)
    parser.add_argument("--out", default="sim", help="folder under build for result.json")
    options = parser.parse_args()
    console = Console(stderr=True)
    toolchain.environment()  # says what is missing before anything takes time
    machine = machine_of(options)
    seed = positive("SEED", options.seed)
    stall = positive("STALL", options.stall)
    tensors = load_workload(options.workload, options.dtype, seed, options.ptype, options.otype)
    waves = Window(ROOT / "build" / options.out / "waves.vcd") if options.waves == "1" else None
    settings = Settings(
        stall_rate=min(stall * 256 // 100, 243), stall_seed=seed & 0xFFFF, waves=waves
    )
    with Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        TimeElapsedColumn(),
        console=console,
        transient=True,
        disable=not console.is_terminal,
    ) as bar:
        task = bar.add_task("compiling the program", total=None)
        experiment = run_experiment(
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
    path = write_result(options.out, experiment.result)
    report(Console(), experiment, path)
    if waves:
        print(
            f"waveform of the run: {waves.path.relative_to(ROOT)} (make inspect VCD=... looks into it)"
        )
    if not experiment.passed:
        print(
            f"flatmesh: {experiment.first_mismatch or 'error_vs_reference is above 2'}",
            file=sys.stderr,
        )
        print(f"repeat with: {repeat(options)}", file=sys.stderr)
    return 0 if experiment.passed else 1


def repeat(options) -> str:
    """The command that does the same again, whatever the environment holds by then."""
    names = (
        "machine",
        "mesh",
        "dataflow",
        "workload",
        "dtype",
        "ptype",
        "otype",
        "seed",
        "group",
        "rows",
        "columns",
        "stall",
    )
    given = "".join(
        f" --{name} {shlex.quote(value)}" for name in names if (value := getattr(options, name))
    )
    return f"{sys.executable} -m scripts.sim{given}"


def report(console: Console, experiment: Experiment, path: Path) -> None:
    """Print the figures of one run."""
    r = experiment.result
    total = r["hbm_read_bytes"] + r["hbm_write_bytes"]
    verdict = "bit-exact" if r["bit_exact"] else f"WRONG: {r['mismatches']} elements differ"
    rows = [
        ("mapping", "", r["mapping"]),
        (
            "cycles",
            f"{r['cycles']:,}",
            f"from start to last activity ({r['microseconds']:.1f} us); boot {r['boot_cycles']:,}",
        ),
        (
            "matrix utilisation",
            f"{r['matrix_utilization']:.1%}",
            "useful multiply-accumulates / (cycles x MACs of the mesh)",
        ),
        (
            "  while active",
            f"{r['matrix_active_utilization']:.1%}",
            "the same, counting cycles in which the arrays step",
        ),
        (
            "vector utilisation",
            f"{r['vector_utilization']:.1%}",
            "cycles in which the lanes take a chunk",
        ),
        (
            "HBM traffic",
            f"{total:,} B",
            f"formula {r['hbm_ideal_bytes']:,} B; {r['hbm_bandwidth_utilization']:.1%} of the bandwidth",
        ),
        ("output", verdict, "RTL against the golden machine, every output bit"),
        (
            "error against fp64",
            f"{r['max_abs_error']:.2e}",
            f"{r['error_vs_reference']:.2f} x that of the same precision in NumPy (limit 2)",
        ),
        (
            "simulation",
            f"{r['kcycles_per_second']:.1f} kcycles/s",
            f"RTL {r['run_seconds']:.1f} s, golden {r['golden_seconds']:.1f} s, build {r['build_seconds']:.0f} s",
        ),
    ]
    others = "".join(
        f", {name.upper()} {r[f'{name}_dtype']}"
        for name in "po"
        if r[f"{name}_dtype"] != r["dtype"]
    )
    show(
        console,
        f"{r['workload']} ({r['dtype']}{others}), {r['dataflow']} on {r['machine']} {r['mesh']}",
        rows,
    )
    console.print(f"result: {path.relative_to(path.parents[2])}")


if __name__ == "__main__":
    main(run)
