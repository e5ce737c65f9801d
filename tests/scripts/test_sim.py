"""`make sim` as a user sees it: small real runs on the 2x2 machine, and one clear line for
everything that is wrong.
"""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import scripts.sim
from isa.machine import MACHINES
from scripts.options import target_parser
from scripts.sim import repeat
from tests.scripts.command import call

ROOT = Path(__file__).resolve().parents[2]
KEYS = {
    "machine",
    "dataflow",
    "workload",
    "dtype",
    "p_dtype",
    "o_dtype",
    "seed",
    "commit",
    "mesh",
    "cycles",
    "matrix_utilization",
    "matrix_active_utilization",
    "vector_utilization",
    "hbm_read_bytes",
    "hbm_write_bytes",
    "hbm_ideal_bytes",
    "hbm_bandwidth_utilization",
    "bit_exact",
    "mismatches",
    "max_abs_error",
    "error_vs_reference",
    "kcycles_per_second",
    "build_seconds",
    "run_seconds",
}


def sim(*arguments: str, **environment: str) -> subprocess.CompletedProcess:
    return call(scripts.sim, *arguments, **environment)


def started(*arguments: str, **environment: str) -> subprocess.CompletedProcess:
    """Likewise, as a process of its own."""
    return subprocess.run(
        [sys.executable, "-m", "scripts.sim", *arguments],
        cwd=ROOT,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )


def result(name: str, **environment: str) -> dict:
    out = f"test-{name}"
    done = sim("--folder", out, **{"MACHINE": "tiny", **environment})
    assert done.returncode == 0, done.stdout + done.stderr
    seen = json.loads((ROOT / "build" / out / "result.json").read_text())
    assert set(seen) >= KEYS
    assert seen["bit_exact"] and seen["error_vs_reference"] <= 2
    assert seen["hbm_read_bytes"] + seen["hbm_write_bytes"] == seen["hbm_ideal_bytes"]
    return seen


@pytest.mark.parametrize("dataflow", ["flat-async", "flat", "flash2"])
def test_the_gate(dataflow):
    seen = result(f"gate-{dataflow}", DATAFLOW=dataflow, WORKLOAD="mha:S=64,D=16,H=2")
    assert seen["dataflow"] == dataflow and seen["mesh"] == "2x2"


def test_gemm():
    seen = result("gemm", WORKLOAD="gemm:M=37,N=50,K=70,B=2", DTYPE="bf16")
    assert seen["dataflow"] == "summa" and seen["dtype"] == "bf16"


def test_bf16_and_tails():
    result("bf16", WORKLOAD="mha:S=37,D=20,H=3", DTYPE="bf16")


def test_formats_of_p_and_o():
    seen = result("formats", WORKLOAD="mha:S=37,D=20,H=3", DTYPE="e4m3", PTYPE="fp16", OTYPE="bf16")
    assert (seen["dtype"], seen["p_dtype"], seen["o_dtype"]) == ("e4m3", "fp16", "bf16")


def test_the_command_that_repeats_a_run_names_the_formats(monkeypatch):
    monkeypatch.setenv("PTYPE", "e5m2")
    command = repeat(target_parser("sim", "").parse_args(["--otype", "bf16"]))
    assert "--dtype '' --ptype e5m2 --otype bf16" in command  # the format of the file


def test_bits_do_not_depend_on_timing(tmp_path):
    """Back-pressure and HBM latency change cycles and nothing else: golden knows neither, and every
    run equals golden.
    """
    environment = {"WORKLOAD": "mha:S=50,D=24,H=2", "DATAFLOW": "flat-async"}
    base = result("timing", **environment)
    stalled = result("timing-stall", **environment, STALL="50")
    assert stalled["cycles"] > base["cycles"]
    assert (base["stall_rate"], stalled["stall_rate"]) == (0, 128)
    seen = {}
    for latency in (1, 400):
        path = tmp_path / f"latency{latency}.toml"
        machine = subprocess.run(
            [
                sys.executable,
                "-c",
                "from isa.machine import MACHINES; print(MACHINES['tiny'].to_toml())",
            ],
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        path.write_text(machine.replace("latency = 200", f"latency = {latency}"))
        seen[latency] = result(f"timing-{latency}", **environment, MACHINE=str(path))["cycles"]
    assert seen[1] < base["cycles"] < seen[400]


def test_special_values(tmp_path):
    """NaN, infinities, zeros and subnormals: defined, and equal in golden."""
    rng = np.random.default_rng(1)
    q, k, v = (rng.normal(size=(2, 40, 16)).astype(np.float16) for _ in range(3))
    q[0, 3, 2], q[1, 5, 0], k[1, 7, 3], v[0, 11, 1], v[1, 2, 5] = (
        np.nan,
        np.inf,
        -np.inf,
        np.inf,
        np.nan,
    )
    q[0, 9], k[0, 4], v[0, 20] = 0.0, -0.0, 6e-8
    np.savez(tmp_path / "special.npz", q=q, k=k, v=v)
    done = sim("--folder", "test-special", MACHINE="tiny", WORKLOAD=str(tmp_path / "special.npz"))
    seen = json.loads((ROOT / "build" / "test-special" / "result.json").read_text())
    assert seen["bit_exact"], done.stdout + done.stderr


SMALL = {"MACHINE": "tiny", "WORKLOAD": "mha:S=16,D=16,H=2"}


def test_the_output_is_written_where_it_is_asked_for_and_beside_the_result(tmp_path):
    out = tmp_path / "o.npz"
    done = sim("--folder", "test-out", OUT=str(out), **SMALL)
    assert done.returncode == 0, done.stderr
    folder = ROOT / "build" / "test-out"
    assert (
        out.read_bytes()
        and (folder / "result.json").resolve().parent == (folder / "latest").resolve()
    )
    with np.load(out) as mine, np.load(folder / "output.npz") as kept:
        assert set(mine) == set(kept) == {"o", "expected", "fp64"}
        assert mine["o"].shape == (2, 16, 16) and np.array_equal(mine["o"], mine["expected"])
        assert np.abs(mine["o"] - mine["fp64"]).max() < 1e-2


def test_two_runs_at_a_time_have_a_folder_each():
    command = [sys.executable, "-m", "scripts.sim", "--folder", "test-two"]
    runs = [
        subprocess.Popen(
            command, cwd=ROOT, env={**os.environ, **SMALL, "SEED": seed}, stdout=subprocess.PIPE
        )
        for seed in ("11", "12")
    ]
    said = [run.communicate(timeout=600)[0].decode() for run in runs]
    paths = [re.search(r"result: (\S+/result\.json)", text)[1] for text in said]
    assert [json.loads((ROOT / path).read_text())["seed"] for path in paths] == [11, 12]
    latest = json.loads((ROOT / "build" / "test-two" / "result.json").read_text())
    assert latest["seed"] in (11, 12) and len(set(paths)) == 2


def test_a_hostile_environment_changes_nothing():
    foreign = {"COCOTB_TEST_FILTER": "x", "COCOTB_TESTCASE": "x", "MODULE": "x", "COLUMNS": "12"}
    done = started("--folder", "test-hostile", **SMALL, **foreign, RANDOM_SEED="x", CXXFLAGS="-x")
    assert done.returncode == 0 and "bit-exact" in done.stdout, done.stdout + done.stderr


def test_what_a_format_cannot_hold_is_said(tmp_path):
    big = np.full((2, 8, 4), 1000, np.float32)
    path = write_npz(tmp_path / "w.npz", q=GOOD, k=GOOD, v=big)
    done = sim("--folder", "test-round", MACHINE="tiny", WORKLOAD=path, DTYPE="e4m3")
    seen = json.loads((ROOT / "build" / "test-round" / "result.json").read_text())
    assert seen["inputs_rounded_to_nan"] == seen["nan_outputs"] == big.size
    assert "64 became NaN" in done.stdout and "64 NaN" in done.stdout


def write_npz(path: Path, **arrays) -> str:
    np.savez(path, **arrays)
    return str(path)


GOOD = np.zeros((2, 8, 4), np.float16)


@pytest.mark.parametrize(
    ("environment", "line"),
    [
        (
            {"MACHINE": "mesh5"},
            f"MACHINE must be one of {', '.join(MACHINES)}, or a path to a .toml file, not 'mesh5'",
        ),
        ({"MACHINE": "missing.toml"}, "MACHINE file missing.toml: No such file or directory"),
        (
            {"MESH": "0x4"},
            "MESH must be COLUMNSxROWS with 1 to 64 tiles a side (for example 5x3), not '0x4'",
        ),
        ({"DATAFLOW": "flash9"}, "DATAFLOW must be one of "),
        ({"WORKLOAD": "resnet"}, "WORKLOAD 'resnet': must be minilm, "),
        ({"WORKLOAD": "mha:S=64,D=16,H=2,Z=1"}, "WORKLOAD"),
        ({"WORKLOAD": "mha:S=x,D=16,H=2"}, "WORKLOAD"),
        ({"WORKLOAD": "mha:S=0,D=16,H=2"}, "WORKLOAD"),
        ({"WORKLOAD": "none.npz"}, "WORKLOAD file none.npz: no such file"),
        ({"DTYPE": "fp64"}, "DTYPE must be one of fp16, bf16, e4m3, e5m2, not 'fp64'"),
        ({"PTYPE": "fp32"}, "PTYPE must be one of fp16, bf16, e4m3, e5m2, not 'fp32'"),
        ({"OTYPE": "int8"}, "OTYPE must be one of fp16, bf16, e4m3, e5m2, not 'int8'"),
        ({"SEED": "-1"}, "SEED must be a whole number from 0 up, not '-1'"),
        ({"WORKLOAD": "mha:S=512,D=64,H=2", "SLICE": "256x256"}, ""),
        ({"WORKLOAD": "mha:S=64,D=16,H=2", "GROUP": "3x2"}, ""),
        (
            {"SLICE": "0x16"},
            "SLICE must be ROWSxKEYS (for example 32x64, 32x or x64), each from 1 to 65536, not "
            "'0x16'",
        ),
        ({"SLICE": "9999999x"}, "SLICE must be ROWSxKEYS"),
        ({"SLICE": "32"}, "SLICE must be ROWSxKEYS"),
        ({"STALL": "100"}, "STALL must be a whole number from 0 to 94, not '100'"),
        ({"SEED": "1_000"}, "SEED must be a whole number from 0 up, not '1_000'"),
        ({"OUT": "o.txt"}, "OUT must be a file whose name ends in .npz, not 'o.txt'"),
        ({"OUT": "none/o.npz"}, "OUT=none/o.npz: no such folder"),
    ],
)
def test_bad_input_gets_one_line(environment, line):
    out = ROOT / "build" / "test-bad" / "result.json"
    done = call(scripts.sim, "--folder", "test-bad", **{"MACHINE": "tiny", **environment})
    assert done.returncode == 2, done.stdout + done.stderr
    assert done.stderr.startswith(f"flatmesh: {line}") and done.stderr.count("\n") == 1, done.stderr
    assert not out.exists()


def test_l1_overflow_says_how_much():
    done = call(scripts.sim, MACHINE="tiny", WORKLOAD="mha:S=512,D=64,H=2", SLICE="256x256")
    assert "L1" in done.stderr and "65536" in done.stderr.replace(",", ""), done.stderr


@pytest.mark.parametrize(
    ("arrays", "said"),
    [
        ({"q": GOOD, "k": GOOD}, "v"),
        ({"q": GOOD[0], "k": GOOD, "v": GOOD}, "q"),
        ({"q": GOOD, "k": GOOD[:, :, :3], "v": GOOD}, "k"),
        ({"q": GOOD[:1], "k": GOOD, "v": GOOD}, "heads"),
        ({"q": GOOD, "k": GOOD, "v": GOOD, "mask": GOOD}, "mask"),
        ({"q": GOOD.astype(np.int16), "k": GOOD, "v": GOOD}, "int16"),
    ],
)
def test_a_bad_npz_gets_one_line(tmp_path, arrays, said):
    path = write_npz(tmp_path / "w.npz", **arrays)
    done = call(scripts.sim, MACHINE="tiny", WORKLOAD=path)
    assert done.returncode == 2 and done.stderr.count("\n") == 1, done.stderr
    assert done.stderr.startswith("flatmesh: ") and said in done.stderr, done.stderr


def test_something_that_is_not_an_npz(tmp_path):
    path = tmp_path / "w.npz"
    path.write_bytes(b"not a zip file")
    done = call(scripts.sim, MACHINE="tiny", WORKLOAD=str(path))
    assert done.returncode == 2 and done.stderr.startswith(
        f"flatmesh: WORKLOAD file {path}: not a readable .npz"
    )


@pytest.mark.parametrize("tool", ["g++", "make", "perl"])
def test_a_missing_tool_gets_one_line(tmp_path, tool):
    for name in {"g++", "make", "perl", "git"} - {tool}:
        found = subprocess.run(
            ["which", name], capture_output=True, text=True, check=True
        ).stdout.strip()
        (tmp_path / name).symlink_to(found)
    done = started(MACHINE="tiny", WORKLOAD="mha:S=16,D=16,H=2", PATH=str(tmp_path))
    assert done.returncode == 2
    assert (
        done.stderr.startswith(f"flatmesh: {tool} is not on PATH:") and done.stderr.count("\n") == 1
    ), done.stderr
