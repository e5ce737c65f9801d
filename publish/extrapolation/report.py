"""What `make model` writes of all points: pictures, a page with sliders, and result.json."""

import base64
import json
from pathlib import Path
from typing import Any

from model.paper.figures import mean_error
from model.paper.published import FIGURES
from publish.extrapolation.beside import beside, mean_speedup
from publish.extrapolation.bounds import utilization_range
from publish.extrapolation.claims import LONG
from publish.extrapolation.pictures import pictures
from publish.extrapolation.points import Grid32, prefill
from publish.extrapolation.tables import claim_table
from publish.noc.report import drawn
from publish.results import RESULTS, kept
from publish.validation import heldout
from tb.files import write, write_json
from tb.runner import ROOT

__all__ = ["page", "summary", "write_grid"]

_HERE = Path(__file__).parent


def write_grid(result: dict[str, Any], folder: Path = ROOT / "build" / "model") -> Path:
    """Write pictures, ``report.html`` and, last, ``result.json``; returns the report's path."""
    grid = Grid32(result)
    images = {name: drawn(figure) for name, figure in pictures(grid).items()}
    for name, kinds in images.items():
        for kind, content in kinds.items():
            write(folder / f"{name}.{kind}", content)
    shown = {name: kinds["png"] for name, kinds in images.items()}
    write(folder / "report.html", page(grid, shown))
    write_json(folder / "result.json", summary(grid))
    return folder / "report.html"


def page(grid: Grid32, images: dict[str, bytes]) -> str:
    """The report, which holds all that it shows."""
    parts = {
        "CLAIMS": claim_table(grid).html(),
        "PICTURES": "\n".join(
            f'<img alt="{name}" src="data:image/png;base64,{base64.b64encode(png).decode()}">'
            for name, png in images.items()
        ),
        "POINTS": json.dumps(_sliders(grid)).replace("<", "\\u003c"),
    }
    text = (_HERE / "report.html").read_text()
    for name, content in parts.items():
        text = text.replace("{{" + name + "}}", content)
    return text


def _sliders(grid: Grid32) -> list[dict[str, Any]]:
    """The points that the sliders reach."""
    return [
        {
            "machine": point.machine,
            "d": point.keys["D"],
            "s": point.keys["S"],
            "group": point.asked_group,
            "utilization": point.matrix_utilization,
            **dict(zip(("low", "high"), utilization_range(point), strict=True)),
            "cycles": point.cycles,
            "us": point.microseconds,
            "hbm": point.hbm_bandwidth_utilization,
            "vector": point.vector_busy,
            "mapping": point.mapping,
        }
        for point in grid.some(dataflow="flat-async", target="steady")
        if point.asked_group and point.keys.get("B") == 4
    ]


def summary(grid: Grid32) -> dict[str, Any]:
    """The flat result: the keys that can be known."""
    point = grid.best("paper-2025", prefill(4096, 128, 4))
    flat, fast = (
        grid.one(machine="paper-2025", workload=LONG, dataflow=name)
        for name in ("flat-async", "flash3")
    )
    low, high = utilization_range(point)
    return {
        **_others(),
        "utilization_s4096_d128": point.matrix_utilization,
        "utilization_s4096_d128_low": low,
        "utilization_s4096_d128_high": high,
        "speedup_over_flash3": fast.cycles / flat.cycles,
        "hbm_traffic_ratio": fast.hbm_bytes / flat.hbm_bytes,
        "gh200_mean_speedup": mean_speedup(beside(grid)),
        "gh200_kernels": len(beside(grid)),
        "points": len(grid.points),
        "cpu_seconds": grid.result["cpu_seconds"],
        "seconds": grid.result["seconds"],
    }


def _others() -> dict[str, Any]:
    """What other sets say of the model, if they are there."""
    found: dict[str, Any] = {}
    if (RESULTS / "validation.json").exists():
        found |= heldout.summary(kept("validation"))
    if (RESULTS / "paper.json").exists():
        rows = kept("paper")
        for figure in FIGURES:
            found[f"paper_{figure}_mean_error_percent"] = mean_error(rows, figure)
    return found
