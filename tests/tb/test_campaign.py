"""Campaigns: what a spec means, what is said of a wrong one, tables, and runs that go on."""

import csv
import errno
import re
import shutil

import pyarrow.parquet
import pytest
from rich.console import Console

from isa.errors import UserError
from isa.machine import load_machine
from tb.campaign.run import count, run_campaign
from tb.campaign.spec import plan, read_spec
from tb.campaign.store import Task
from tb.campaign.targets import TARGETS
from tb.runner import ROOT
from tb.tasks import Workers

QUIET = Console(quiet=True)
GOLDEN = """
[[grid]]
machine = "tiny"
mesh = ["", "2x2", "1x2"]
workload = "mha:S=16,D=8,H=1"
dataflow = ["flash2", "summa"]
target = "golden"
"""


@pytest.fixture
def spec(tmp_path):
    def read(text: str):
        path = tmp_path / "mine.toml"
        path.write_text(text)
        return read_spec(path, TARGETS)

    return read


def test_a_plan_has_every_combination_once(spec):
    read = spec(GOLDEN)
    names = [one.name for one in plan(read)]
    assert read.name == "mine"
    assert names == [
        f"tiny {mesh} mha:S=16,D=8,H=1 {flow} dtype=fp16 seed=1 golden"
        for mesh in ("2x2", "1x2")
        for flow in ("flash2", "summa")
    ]


def test_a_trial_is_what_make_sim_would_run(spec):
    text = '[[grid]]\nworkload = "minilm"\nmesh = "4x2"\nseed = 70000\nstall = 50\n'
    text += 'group = "2x2"\nslice = "16x32"\n'
    (one,) = plan(spec(text))
    assert one.target == "rtl" and one.trial.machine == load_machine("mesh4", "4x2")
    assert one.trial.overrides == {"group": "2x2", "rows": 16, "columns": 32}
    assert one.trial.settings.stall_rate == 128 and one.trial.settings.stall_seed == 4464


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("", ": grid is missing: must be tables, each written [[grid]]"),
        ("\nx = y", ": not TOML: Invalid value (at line 2, column 5)"),
        ("grid = 1", ", line 1: grid = 1: must be tables, each written [[grid]]"),
        ('nam = "x"\n' + GOLDEN, ", line 1: nam: there is no such field: did you "),
        (
            GOLDEN + 'mashine = "x"',
            ", line 8: grid.mashine: there is no such field: did you ",
        ),
        (
            GOLDEN + '[[grid]]\n# one more\nworkload = "minilm"\n"sed" = 1',
            ", line 11: grid.sed: there is no such field: did you ",
        ),
        (
            GOLDEN + "[grid.more]\nx = 1",
            ", line 8: grid.more: there is no such field: must ",
        ),
        (
            "[[grid]]\nseed = 1",
            ", line 1: grid.workload is missing: must be a text, or a list of texts",
        ),
        ('[[grid]]\nworkload = [\n"minilm",\n"mha:Z=1"]', ", line 2: grid.workload: WORKLOAD 'mha"),
        (GOLDEN.replace("tiny", "cray"), ", line 3: grid.machine: MACHINE must be one of tiny, "),
        (GOLDEN.replace("1x2", "1x0"), ", line 4: grid.mesh: MESH must be COLUMNSxROWS with 1 "),
        (GOLDEN.replace("summa", "suma"), ", line 6: grid.dataflow: 'suma' is not known, did you"),
        (GOLDEN.replace("golden", "silver"), ", line 7: grid.target: 'silver' is not known, must "),
        (GOLDEN + "stall = [0, 95]", ", line 8: grid.stall: must be at most 94 per cent, not 95"),
        (GOLDEN + 'array = "fast"', ", line 8: grid.array: 'fast' is not known, must be one of "),
        (GOLDEN + 'costs = "papers"', ", line 8: grid.costs: 'papers' is not known, did you mean "),
        (GOLDEN + "seed = true", ", line 8: grid.seed = true: must be a whole number from 0 up"),
        (GOLDEN + 'slice = "8"', ", line 8: grid.slice: SLICE must be ROWSxKEYS "),
    ],
)
def test_a_wrong_spec_gets_one_line_that_says_where(spec, text, line):
    with pytest.raises(UserError) as caught:
        spec(text)
    assert re.fullmatch(r"SPEC \S*mine\.toml" + re.escape(line) + ".*", str(caught.value))


def test_array_and_costs_are_those_of_a_target(spec, tmp_path):
    text = GOLDEN.replace('["", "2x2", "1x2"]', '"1x2"').replace('["flash2", "summa"]', '"flash2"')
    read = spec(text + 'array = ["rtl", "functional"]\ncosts = ["ours", "paper"]')
    assert [one.name.rpartition("seed=1 ")[2] for one in plan(read)] == [
        "golden",
        "costs=paper golden",
        "array=functional golden",
        "array=functional costs=paper golden",
    ]
    rows = run_campaign(read, TARGETS, Workers(2), QUIET, base=tmp_path).rows
    assert [row["error"] for row in rows] == [
        "",
        "costs must be ours on target golden",
        "array must be rtl on target golden",
        "array must be rtl on target golden",
    ]
    (one,) = plan(spec('[[grid]]\nworkload = "minilm"\narray = "functional"'))
    assert one.trial.settings.array == "functional"


def test_a_campaign_writes_a_row_a_run_and_keeps_it(spec, tmp_path):
    read = spec(GOLDEN)
    first = run_campaign(read, TARGETS, Workers(2), QUIET, base=tmp_path)
    assert first.kept == 0 and count(first.rows) == {
        "passed": 2,
        "wrong": 0,
        "refused": 2,
        "stopped": 0,
        "failed": 0,
        "not run": 0,
    }
    parquet = pyarrow.parquet.read_table(first.folder / "runs.parquet").to_pylist()
    assert [row["run"] for row in parquet] == [one.name for one in plan(read)]
    passed, refused = parquet[:2]
    assert passed["commit"] and passed["host"] and passed["cpu"] and passed["cores"] >= 1
    assert passed["hbm_ideal_bytes"] > 0 and passed["error_of_allowed"] <= 1
    assert refused["status"] == "refused" and refused["error"].startswith("DATAFLOW must be ")
    lines = list(csv.DictReader((first.folder / "runs.csv").open()))
    assert [line["key"] for line in lines] == [row["key"] for row in parquet]
    again = run_campaign(read, TARGETS, Workers(2), QUIET, base=tmp_path)
    assert again.kept == 4 and again.rows == first.rows


def test_what_was_lost_is_run_again_and_nothing_else(spec, tmp_path):
    read = spec(GOLDEN)
    first = run_campaign(read, TARGETS, Workers(1), QUIET, base=tmp_path)
    lost = first.rows[2]
    (tmp_path / "kept" / f"{lost['key']}.json").unlink()
    shutil.rmtree(first.folder)
    again = run_campaign(read, TARGETS, Workers(1), QUIET, base=tmp_path)
    assert again.kept == 3 and [row["key"] for row in again.rows] == [
        row["key"] for row in first.rows
    ]
    changed = [row["run"] for row, old in zip(again.rows, first.rows, strict=True) if row != old]
    assert changed == [lost["run"]]  # its seconds


def test_an_interrupted_campaign_has_a_row_for_every_run(spec, tmp_path, monkeypatch):
    first = spec(GOLDEN.replace('"flash2", "summa"', '"flash2"'))
    run_campaign(first, TARGETS, Workers(1), QUIET, base=tmp_path)

    def interrupted(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr("tb.campaign.run.run_tasks", interrupted)
    read = spec(GOLDEN)
    with pytest.raises(KeyboardInterrupt):
        run_campaign(read, TARGETS, Workers(1), QUIET, base=tmp_path)
    rows = pyarrow.parquet.read_table(tmp_path / read.name / "runs.parquet").to_pylist()
    assert [row["run"] for row in rows] == [one.name for one in plan(read)]
    assert [row["status"] for row in rows] == ["passed", "not run"] * 2
    assert "repeat" not in rows[1] and not (tmp_path / read.name / "failed").exists()


def test_a_full_disk_ends_a_campaign(spec, tmp_path, monkeypatch):
    """One line for all, and not a failure of every run that follows."""

    def full(*_, failed, **__):
        failed(Task("one", full, {}), OSError(errno.ENOSPC, "No space left on device"))

    monkeypatch.setattr("tb.campaign.run.run_tasks", full)
    with pytest.raises(OSError, match="No space left on device"):
        run_campaign(spec(GOLDEN), TARGETS, Workers(1), QUIET, base=tmp_path)
    assert not (tmp_path / "mine").exists()


def test_the_command_of_a_failure_repeats_it(spec, tmp_path):
    machine = tmp_path / "machine.toml"
    machine.write_text(load_machine("tiny").to_toml().replace('"tiny"', '"own"'))
    read = spec(GOLDEN.replace('"tiny"', f'"{machine}"'))
    run = run_campaign(read, TARGETS, Workers(1), QUIET, base=tmp_path / "out")
    row = next(row for row in run.rows if row["status"] == "refused")
    repeat = re.fullmatch(r"make campaign SPEC=(\S+) RESUME=0", row["repeat"])
    machine.unlink()
    (one,) = plan(read_spec(ROOT / repeat[1], TARGETS))
    assert one.trial.machine.name == "own" and one.trial.dataflow == "summa"
    assert row["error"] in (ROOT / row["log"]).read_text()


def test_the_example_is_what_it_says():
    read = read_spec(ROOT / "examples" / "campaign.toml", TARGETS)
    assert [len(plan(read.model_copy(update={"grid": (grid,)}))) for grid in read.grid] == [24, 9]


@pytest.mark.parametrize("name", ["..", ".", ".x", "kept"])
def test_a_campaign_has_a_folder_of_its_own(spec, name):
    with pytest.raises(UserError, match="cannot be a campaign's folder"):
        spec(f'name = "{name}"\n{GOLDEN}')


def test_a_campaign_says_how_long_it_usually_takes(spec, tmp_path, capsys):
    read = spec(GOLDEN)
    for kept in (False, True):
        run_campaign(read, TARGETS, Workers(1), QUIET, base=tmp_path)
        said = capsys.readouterr().err
        assert bool(re.match(r"\d+ runs?: usually \d+ s on 1 process\n$", said)) != kept, said
