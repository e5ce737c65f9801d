"""The development set: runs in sight of which the model's mechanisms were mended. Those that are
published, and the first held-out set.
"""

from dataclasses import asdict

from rich.console import Console
from rich.progress import track

from model.development import Comparison, compiled_run, published_runs
from model.interval import bound_of
from model.predict import predict
from publish.results import kept
from publish.validation.heldout import now, predicted
from tb.tasks import Workers

__all__ = ["FIRST", "run"]

FIRST = "first held-out set"
"""Class of what was held out once."""


def run(workers: Workers, console: Console) -> list[dict]:
    """A row for each run of `model.development.published_runs` and of the first held-out set."""
    return _published(console) + _first(workers, console)


def _first(workers: Workers, console: Console) -> list[dict]:
    rows = kept("first")
    again = now(rows, predicted(workers, console, "first"))
    return [
        row | {"class": FIRST, "kind": row["class"], "error_then_percent": then["error_percent"]}
        for row, then in zip(again, rows, strict=True)
    ]


def _published(console: Console) -> list[dict]:
    rows = []
    for published in track(published_runs(), "development set", console=console):
        seen = Comparison(published, predict(compiled_run(published)))
        rows.append(
            {
                "run": published.name,
                "class": published.group,
                "rtl_cycles": published.cycles,
                "error_percent": seen.error,
                "bound": bound_of(
                    seen.prediction.matrix_active, seen.prediction.hbm_bandwidth_utilization
                ),
                **{
                    name: value
                    for name, value in asdict(seen.prediction).items()
                    if name not in ("seconds", "events")
                },
            }
        )
    return rows
