"""What `make sim` prints of an experiment."""

from pathlib import Path

from rich.console import Console

from publish.output import show
from tb.experiment import Experiment
from tb.runner import ROOT

__all__ = ["report"]


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
            f"formula {r['hbm_ideal_bytes']:,} B; "
            f"{r['hbm_bandwidth_utilization']:.1%} of the bandwidth",
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
            f"RTL {r['run_seconds']:.1f} s, golden {r['golden_seconds']:.1f} s, "
            f"build {r['build_seconds']:.0f} s",
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
    console.print(f"result: {path.relative_to(ROOT)}")
