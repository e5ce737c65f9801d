"""Cycles of cases: what our own hardware took when that was last accepted, and which cases of
another tile are out of line with the rest.
"""

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from statistics import median

from rich.console import Console

from isa.errors import UserError
from isa.machine import MACHINES, Machine
from tb.runner import ROOT
from tb.tasks import Workers
from verify.conformance.campaign import Campaign
from verify.conformance.cases import ConformanceCase, cases

__all__ = ["ACCEPT", "DUT_MESH", "Pace", "committed", "difference", "measure", "paces"]

COMMITTED = ROOT / "docs" / "results" / "cases.json"
KEPT = ROOT / "build" / "conformance" / "kept"
"""Outcomes of earlier runs, by all that they depend on."""
ACCEPT = "make measure SET=cases"
DUT_MESH = "2x2"
"""Where a design under test runs, unless the user names a mesh."""
LEAST = 0.1
"""A case is not out of line as long as it is so close to the median, as a share of that."""


def committed(base: Machine, mesh: str, seed: int) -> dict[str, int]:
    """Cycles of cases by their names, as our hardware took them when they were last accepted; none
    for a machine, mesh or seed that nobody has measured.
    """
    if base.tile != MACHINES["tiny"].tile or base.hbm != MACHINES["tiny"].hbm:
        return {}
    try:
        kept = json.loads(COMMITTED.read_text())
    except OSError:
        return {}
    if kept["seed"] != seed:
        return {}
    return kept["cycles"].get(mesh, {})


def difference(case: str, before: int, now: int) -> str:
    """What has changed of a case of our hardware; empty if nothing has."""
    if before == now:
        return ""
    return (
        f"{case}: {now:,} cycles instead of {before:,} ({now / before - 1:+.1%}). If that is "
        f"meant, say so in CHANGELOG.md and accept it with {ACCEPT}"
    )


@dataclass(frozen=True)
class Pace:
    """Cycles of all cases of a run beside those of our hardware."""

    ratios: Mapping[str, float] = field(default_factory=dict)
    """Cycles over ours, of each case that both have."""
    unknown: int = 0
    """Cases that passed and that our hardware has no count of."""

    @property
    def median(self) -> float:
        """Of the ratios; 0 without any."""
        return median(self.ratios.values()) if self.ratios else 0.0

    @property
    def out_of_line(self) -> dict[str, float]:
        """Ratios that are further from the median than the others are, the furthest first.

        Further than three deviations, estimated by the median of all distances, and than `LEAST`.
        """
        if not self.ratios:
            return {}
        far = {name: abs(math.log(r / self.median)) for name, r in self.ratios.items()}
        limit = max(math.log1p(LEAST), 3 * 1.4826 * median(far.values()))
        return {
            name: self.ratios[name]
            for name in sorted(far, key=far.__getitem__, reverse=True)
            if far[name] > limit
        }


def paces(outcomes: Mapping[str, dict], ours: Mapping[str, int]) -> Pace:
    """How the cases that passed compare with the counts of our hardware."""
    counted = {name: o["cycles"] for name, o in outcomes.items() if o["passed"] and o["cycles"]}
    return Pace(
        {name: now / ours[name] for name, now in counted.items() if name in ours},
        sum(name not in ours for name in counted),
    )


def measure(workers: Workers, console: Console) -> dict:
    """Run the default set, on its meshes and on that of a design under test: cycles of each
    case by name, and the least there could be (`verify.conformance.floor`).

    Raises
    ------
    UserError
        If a case fails: nothing is accepted then.
    """
    base, seed = MACHINES["tiny"], 1
    counts: dict[str, dict[str, dict[str, int]]] = {"cycles": {}, "floor": {}}
    for mesh in ("", DUT_MESH):
        chosen: list[ConformanceCase] = cases("default", seed, mesh)
        found = Campaign(base, not mesh, None, "rtl", workers, KEPT).run(chosen, console)
        for name, outcome in found.items():
            if not outcome["passed"]:
                raise UserError(f"case {name} failed: {outcome['how']}: {outcome['detail']}")
        for what, of in counts.items():
            of[mesh] = {name: o[what] for name, o in found.items() if o["cycles"]}
    return {"machine": base.name, "seed": seed, **counts}
