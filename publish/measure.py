"""What `make measure` runs: a set of measurements, published as ``docs/results/<set>.json`` and in
the pages.
"""

import json
import subprocess
import sys
from collections.abc import Callable
from typing import Any, NamedTuple

from rich.console import Console

from isa.errors import UserError
from model.paper.figures import compare_points
from publish import pages, rule
from publish.calibration.run import calibrated, planned
from publish.extrapolation import run as extrapolation
from publish.extrapolation.pictures import PICTURED
from publish.extrapolation.report import write_grid
from publish.results import RESULTS, kept
from publish.tour import measure as tour
from publish.validation import development, heldout
from tb.files import write, write_json
from tb.runner import ROOT
from tb.studies import cycles, large, tables, tuning, variants
from tb.tasks import Workers
from verify.conformance import cycles as cases

__all__ = ["SETS", "Order", "measure", "right"]

PICTURES = ("latency_8", "saturation")
"""Pictures of `make noc` that README and docs show."""


class Order(NamedTuple):
    """How a set is run."""

    workers: Workers
    most: int
    """Candidates of each workload of `tuning`."""
    console: Console


def _command(name: str) -> dict:
    """Run a command as a user does, and take its result."""
    if subprocess.run([sys.executable, "-m", f"scripts.{name}"], cwd=ROOT, check=False).returncode:
        raise UserError(f"make {name} failed: docs/results/{name}.json stays")
    return json.loads((ROOT / "build" / name / "result.json").read_text())


def _noc() -> dict:
    result = _command("noc")
    for name in PICTURES:
        picture = ROOT / "build" / "noc" / f"{name}.png"
        write(RESULTS / picture.name, picture.read_bytes())
    return result


def _extrapolation(order: Order) -> dict:
    result = extrapolation.run(order.workers, order.console)
    report = write_grid(result)
    for name in PICTURED:
        picture = report.with_name(f"{name}.png")
        write(RESULTS / f"extrapolation_{name}.png", picture.read_bytes())
    return result


def _wafer() -> dict:
    result = _command("wafer")
    for name in ("wafer_curves", "wafer_fabric"):
        picture = ROOT / "build" / "wafer" / f"{name}.png"
        write(RESULTS / picture.name, picture.read_bytes())
    return result


def _explore() -> dict:
    result = _command("explore")
    picture = ROOT / "build" / "explore" / "front.png"
    write(RESULTS / "explore_front.png", picture.read_bytes())
    return result


def _validation(order: Order) -> list[dict]:
    """The RTL's word on what was predicted before."""
    said = kept("predictions")
    return heldout.compared(said, heldout.measured(order.workers, order.console))


SETS: dict[str, Callable[[Order], Any]] = {
    "tables": lambda order: tables.run(order.workers, order.console),
    "cycles": lambda order: cycles.run(order.workers, order.console),
    "noc": lambda _: _noc(),
    "formal": lambda _: _command("formal"),
    "races": lambda _: _command("races"),
    "ablation": lambda _: _command("ablation"),
    "variants": lambda order: variants.run(order.workers, order.console),
    "bench": lambda _: _command("bench"),
    "large": lambda order: large.run(order.workers, order.console),
    "rule": lambda order: rule.run(order.workers, order.console),
    "tuning": lambda order: tuning.run(order.workers, order.most, order.console),
    "development": lambda order: development.run(order.workers, order.console),
    "calibration": lambda order: calibrated(planned(), order.workers, order.console),
    "predictions": lambda order: heldout.predicted(order.workers, order.console),
    "validation": lambda order: _validation(order),
    "tour": lambda order: tour.measure(order.console),
    "extrapolation": _extrapolation,
    "cases": lambda order: cases.measure(order.workers, order.console),
    "conformance": lambda _: _command("conformance"),
    "wafer": lambda _: _wafer(),
    "explore": lambda _: _explore(),
    "paper": lambda _: compare_points(),
}
"""Set to what runs it and gives its result."""


def measure(name: str, order: Order) -> Any:
    """Run a set of `SETS`, publish its result, and rewrite the pages. Nothing is written if a page
    cannot be made of it.

    Raises
    ------
    UserError
        If a run fails, or the result is not what the pages tell.
    """
    result = SETS[name](order)
    pages.update(lambda other: result if other == name else kept(other))
    write_json(RESULTS / f"{name}.json", result)
    return result


def right(result: Any) -> bool:
    """Whether the outputs of all runs of a result are right; true of a result that has none."""
    rows = result if isinstance(result, list) else []
    return all(
        row.get("bit_exact", True) and (row.get("error_of_allowed") or 0) <= 1 for row in rows
    )
