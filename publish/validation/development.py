"""The development set: published runs, in sight of which the model's mechanisms were mended."""

from dataclasses import asdict

from rich.progress import track

from model.development import Comparison, compiled_run, published_runs
from model.interval import bound_of
from model.predict import predict

__all__ = ["run"]


def run(console) -> list[dict]:
    """A row for each run of `model.development.published_runs`."""
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
