"""Held-out runs: predicted, then run on the RTL, then compared."""

from collections.abc import Sequence
from dataclasses import fields
from pathlib import Path

import numpy as np
from rich.console import Console
from scipy.stats import spearmanr

from isa.errors import UserError
from isa.machine import MACHINES, Machine, load_machine
from model.interval import bound_of, interval
from model.predict import Prediction
from publish.validation.predicting import WITH_MODEL
from tb.campaign.run import run_campaign
from tb.campaign.spec import CampaignSpec, read_spec
from tb.tasks import Workers

__all__ = [
    "choices",
    "class_of",
    "compared",
    "heldout",
    "measured",
    "now",
    "predicted",
    "rank_correlation",
    "regrets",
    "summary",
]

MACHINE_FILES = Path(__file__).with_name("machines")
_ASKED = ("machine", "mesh", "workload", "dataflow", "dtype", "group")
_SAME = ("machine", "mesh", "workload", "dtype")


def heldout(target: str, name: str = "heldout") -> CampaignSpec:
    """The held-out runs on one target; those of the ``first`` set, which are no longer."""
    spec = read_spec(Path(__file__).with_name(f"{name}.toml"), WITH_MODEL)
    grids = tuple(grid.model_copy(update={"target": (target,)}) for grid in spec.grid)
    return spec.model_copy(update={"name": f"{name}-{target}", "grid": grids})


def predicted(workers: Workers, console: Console, name: str = "heldout") -> list[dict]:
    """What the model says of each run of `heldout`, with its interval: what is committed before
    the RTL runs.

    Raises
    ------
    UserError
        If a run's programs cannot be made.
    """
    rows = _passed(run_campaign(heldout("model", name), WITH_MODEL, workers, console).rows)
    return [_prediction(row) for row in rows]


def _prediction(row: dict) -> dict:
    seen = Prediction(**{field.name: row[field.name] for field in fields(Prediction)})
    within = interval(machine_of(row), seen)
    return {
        "run": row["run"].removesuffix(" model"),
        "class": class_of(row),
        "bound": bound_of(seen.matrix_active, seen.hbm_bandwidth_utilization),
        "low": within.low,
        "high": within.high,
        "checked": within.checked,
        **{name: row[name] for name in (*_ASKED, "mapping", "cycles", "matrix_utilization")},
        **{name: row[name] for name in ("matrix_active", "vector_busy", "hbm_read_bytes")},
        **{name: row[name] for name in ("hbm_write_bytes", "hbm_bandwidth_utilization")},
        "commit": row["commit"],
    }


def class_of(row: dict) -> str:
    """What kind of run it is: by what is unlike the others first."""
    workload = row["workload"]
    if row["machine"] == "paper-tile":
        return "papers' tile"
    if row["machine"] in ("narrow", "near", "far"):
        return "channels"
    if row["machine"] not in MACHINES:
        return "other tiles"
    if row["machine"] in ("mesh8", "mesh16"):
        return "64 and 256 tiles"
    if row["dtype"] != "fp16":
        return "formats"
    if row["dataflow"] in ("flat-seq", "flat-tree"):
        return "software collectives"
    if workload.startswith(("mla", "gemm")):
        return workload.split(":")[0].upper()
    if "Sq=1," in workload or "sp=" in workload:
        return "decode"
    return "causal" if "causal=1" in workload else "prefill"


def measured(workers: Workers, console: Console) -> list[dict]:
    """The same runs on the RTL, every bit compared with golden.

    Raises
    ------
    UserError
        If a run fails.
    """
    rows = _passed(run_campaign(heldout("rtl"), WITH_MODEL, workers, console).rows)
    return [row | {"run": row["run"].removesuffix(" rtl")} for row in rows]


def compared(predictions: Sequence[dict], rtl: Sequence[dict]) -> list[dict]:
    """A row for each run: what was predicted, what the RTL took, and the errors.

    Raises
    ------
    UserError
        If a run was not predicted, or its programs are others now.
    """
    found = {row["run"]: row for row in predictions}
    return [_compared(found.get(row["run"]), row) for row in rtl]


def _compared(said: dict | None, row: dict) -> dict:
    if said is None or said["mapping"] != row["mapping"]:
        raise UserError(
            f"{row['run']}: there is no prediction of these programs; a new held-out set is "
            "predicted by make measure SET=predictions and committed before the RTL runs"
        )
    moved, foreseen = (one["hbm_read_bytes"] + one["hbm_write_bytes"] for one in (row, said))
    return said | {
        "rtl_cycles": row["cycles"],
        "rtl_commit": row["commit"],
        **_errors(said, row["cycles"]),
        "matrix_active_points": 100 * (said["matrix_active"] - row["share_matrix_active"]),
        "vector_busy_points": 100 * (said["vector_busy"] - row["share_vector_busy"]),
        "hbm_bytes_percent": 100 * (foreseen / moved - 1),
        "bit_exact": row["bit_exact"],
    }


def now(rows: Sequence[dict], predictions: Sequence[dict]) -> list[dict]:
    """The rows of `compared` with other predictions: what a later model says of the same runs.

    Raises
    ------
    UserError
        If the programs of a run are others now.
    """
    found = {row["run"]: row for row in predictions}
    for row in rows:
        if found[row["run"]]["mapping"] != row["mapping"]:
            raise UserError(
                f"{row['run']}: the rule chooses another mapping now; make measure "
                "SET=predictions and then SET=validation start anew"
            )
    return [row | found[row["run"]] | _errors(found[row["run"]], row["rtl_cycles"]) for row in rows]


def _errors(said: dict, cycles: int) -> dict:
    return {
        "error_percent": 100 * (said["cycles"] / cycles - 1),
        "within": said["low"] <= cycles <= said["high"],
    }


def summary(rows: Sequence[dict]) -> dict[str, float]:
    """What the held-out runs say of the model, by the keys of build/model/result.json."""
    errors = np.array([abs(row["error_percent"]) for row in rows])
    return {
        "heldout_runs": len(rows),
        "heldout_mean_error_percent": float(errors.mean()),
        "heldout_max_error_percent": float(errors.max()),
        "interval_coverage_percent": 100 * float(np.mean([row["within"] for row in rows])),
        "rank_correlation": rank_correlation(rows),
    }


def choices(rows: Sequence[dict]) -> dict[str, list[dict]]:
    """Runs of the same work by different dataflows, by what is the same."""
    found: dict[str, list[dict]] = {}
    for row in rows:
        found.setdefault(" ".join(row[name] for name in _SAME), []).append(row)
    return {name: several for name, several in found.items() if len(several) > 1}


def rank_correlation(rows: Sequence[dict]) -> float:
    """Mean of Spearman's correlation of predicted and measured cycles, over all `choices`. What is
    equal in both is of one rank.
    """
    found = [
        spearmanr([row["cycles"] for row in several], [row["rtl_cycles"] for row in several])[0]
        for several in choices(rows).values()
        if len({row["rtl_cycles"] for row in several}) > 1
    ]
    return float(np.mean(found))


def regrets(rows: Sequence[dict]) -> dict[str, float]:
    """What it costs to take the dataflow that the model takes for the fastest, in per cent of the
    fastest; 0 where it is the fastest.
    """
    found = {}
    for name, several in choices(rows).items():
        taken = min(several, key=lambda row: row["cycles"])["rtl_cycles"]
        found[name] = 100 * (taken / min(row["rtl_cycles"] for row in several) - 1)
    return found


def machine_of(row: dict) -> Machine:
    """The machine of a row, which a campaign tells by its name."""
    name = row["machine"]
    return load_machine(name if name in MACHINES else f"{MACHINE_FILES}/{name}.toml", row["mesh"])


def _passed(rows: list[dict]) -> list[dict]:
    for row in rows:
        if row["status"] != "passed":
            raise UserError(f"{row['run']}: {row['status']}: {row['error']}")
    return rows
