"""The model's laws against the RTL, each by its name: a few microbenchmarks on the default tile."""

import pytest

from publish.calibration.laws import LAWS
from publish.calibration.machines import machines
from publish.calibration.page import law_table, summary
from publish.calibration.run import BY_CHANNELS, compare, planned
from publish.results import kept
from tb.studies.micro import run_text

DEFAULT = machines()[0].name
CASES = {
    "queue": ("nested loops", "to another tile and back"),
    "product": ("tails", "blocks trans_b", "narrow accumulated"),
    "vector": ("scale rows", "exp with_s tails", "addv rows"),
    "move": ("put of tails to the far tile",),
    "multicast": ("long to all tiles",),
    "reduction": ("long sum fp32 of all tiles", "short sum fp16 of row"),
    "read": ("rows to column", "six requests"),
    "write": ("rows from the far tile",),
    "shared L1": ("product and vector", "vector and arriving words"),
    "channel under load": ("a row reads one channel", "each channel multicasts to its row"),
}
"""Law to microbenchmarks."""
MOST = {"shared L1": 4}
"""Cycles that the model may be off by, of laws that are not exact."""
RUNS = {(run.micro.law, run.micro.name): run for run in planned(lambda v: v.name == DEFAULT)}


@pytest.mark.parametrize(("law", "name"), [(law, name) for law in CASES for name in CASES[law]])
def test_a_law_is_that_of_the_rtl(law, name):
    run = RUNS[law, name]
    cycles = run_text(run.of.machine, run.micro.text)["cycles"]
    row = compare(run, cycles)
    assert abs(row["difference"]) <= MOST.get(law, 0), (
        f"law {law!r} ({LAWS[law].where}), {name}: model {row['model_cycles']}, RTL {cycles}"
    )


def test_every_law_has_a_case():
    assert CASES.keys() == LAWS.keys() and MOST.keys() <= LAWS.keys()


def test_one_parameter_at_a_time():
    default, *others = machines()[:-1]
    before = default.machine.model_dump()
    for varied in others:
        after = varied.machine.model_dump()
        changed = {
            name: [field for field in before[name] if before[name][field] != after[name][field]]
            for name in ("mesh", "tile", "hbm")
        }
        assert sum(map(len, changed.values())) == len(changed["tile"] or [0]), varied.name
    assert all(run.micro.law in BY_CHANNELS for run in planned(lambda v: v.channels_only))


def test_the_kept_calibration_is_of_these_runs():
    rows = kept("calibration")
    assert [(row["machine"], row["law"], row["run"]) for row in rows] == [
        (run.of.name, run.micro.law, run.micro.name) for run in planned()
    ]
    said = summary(rows)
    assert said["runs"] == len(rows) and said["laws"] == len(LAWS) == len(law_table(rows).rows)
    assert all(row["difference"] == row["model_cycles"] - row["rtl_cycles"] for row in rows)
