"""What `make sim` prints of an experiment."""

from collections.abc import Sequence
from pathlib import Path

from rich.console import Console

from isa.words import counted
from programs.tensors import Tensors, converted
from publish.output import show, wide_console
from tb.experiment import Experiment
from tb.runner import ROOT

__all__ = ["WIDTH", "figures", "inputs_told", "report", "special_told"]


WIDTH = 96
"""Columns of the report where there is no terminal."""


def report(experiment: Experiment, path: Path) -> None:
    """Print the figures of one run, how long it took, and where the result is."""
    r, console = experiment.result, wide_console(WIDTH)
    figures(console, r, inputs_told(experiment.tensors))
    console.print(
        f"RTL {r['run_seconds']:.1f} s at {r['kcycles_per_second']:.1f} kcycles/s, golden "
        f"{r['golden_seconds']:.1f} s, build {r['build_seconds']:.0f} s",
        highlight=False,
    )
    at = path.relative_to(ROOT)
    console.print(f"result: {at}, output: {at.with_name('output.npz')}", soft_wrap=True)


def figures(console: Console, r: dict, more: Sequence[tuple[str, str, str]] = ()) -> None:
    """Print what a result says of the machine, which is the same in every run; and `more` rows."""
    total = r["hbm_read_bytes"] + r["hbm_write_bytes"]
    verdict = "bit-exact" if r["bit_exact"] else f"NO, {r['mismatches']} differ"
    rows = [
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
            "the same, of cycles in which the arrays step",
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
        _error(r),
        *_stalled(r),
        *_model(r),
        *special_told(r),
        *more,
    ]
    others = "".join(
        f", {name.upper()} {r[f'{name}_dtype']}"
        for name in "po"
        if r[f"{name}_dtype"] != r["dtype"]
    )
    on = f"{r['dataflow']} on {r['machine']} {r['mesh']}"
    show(console, f"{r['workload']} ({r['dtype']}{others}), {on}\n{r['mapping']}\n", rows)


def _error(r: dict) -> tuple[str, str, str]:
    """The error, if there is one."""
    if r["max_abs_error"] is None:
        return "error against fp64", "none", "no element is finite both here and in fp64"
    return (
        "error against fp64",
        f"{r['max_abs_error']:.2e}",
        f"{r['error_of_allowed']:.1%} of the tolerance",
    )


def _stalled(r: dict) -> list[tuple[str, str, str]]:
    """A line if links were made to refuse flits, which takes cycles."""
    rate = r.get("stall_rate", 0)
    text = f"of cycles in which every link refuses flits at random, seed {r['seed']}"
    return [("back-pressure", f"{rate / 256:.0%}", text)] if rate else []


def _model(r: dict) -> list[tuple[str, str, str]]:
    """A line if the PEs were simulated in another way than ever."""
    array = r.get("array", "rtl")  # results kept from before there was a choice have none
    return [("array", array, _ARRAY[array])] if array != "rtl" else []


_ARRAY = {
    "verilog": "PEs through Verilog, as everything else: slower, same cycles and bits",
    "functional": "PEs by the host's arithmetic, not their RTL: same cycles and bits",
}


def special_told(r: dict) -> list[tuple[str, str, str]]:
    """Lines on NaN and infinities, where there are any."""
    rows = []
    if r["nan_outputs"] or r["infinite_outputs"] or r["special_mismatches"]:
        counts = f"{r['nan_outputs']:,} NaN, {r['infinite_outputs']:,} infinite"
        fp64 = f"fp64 differs in {r['special_mismatches']:,}"
        why = f"{r['overflowed_outputs']:,} overflowed, {r['special_unexplained']:,} unexplained"
        rows.append(("special values", counts, f"{fp64}: {why}"))
    if keys := r["masked_special_keys"]:
        reached = counted(r["masked_special_outputs"], "output")
        why = f"reached by NaN or infinity in V at {counted(keys, 'masked key')} (docs/numerics.md)"
        rows.append(("  through the mask", reached, why))
    return rows


def inputs_told(tensors: Tensors) -> list[tuple[str, str, str]]:
    """A line if the file has them in another format, and for each tensor that lost by it."""
    dtype = tensors.dtypes["dtype"]
    said = converted(tensors.file_formats, dtype)
    return [
        *([("inputs", dtype, said)] if said else []),
        *(
            (f"{name} in {dtype}", f"{cost.changed:,} rounded", str(cost))
            for name, cost in tensors.rounding.items()
            if cost.changed
        ),
    ]
