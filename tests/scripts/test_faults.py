"""Faults of the machine that flatmesh runs on, provoked: each is one line and a status other than
0, and leaves no result that is not whole.
"""

import os
import resource
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
SMALL = ["--machine", "tiny", "--workload", "mha:S=64,D=16,H=2"]
SIM = [sys.executable, "-m", "scripts.sim"]
WORKER = os.environ.get("PYTEST_XDIST_WORKER", "main")
FOLDER = ROOT / "build" / f"test-faults-{WORKER}"


@pytest.fixture(scope="module", autouse=True)
def _hardware():
    """What is limited is the run: its hardware is there."""
    done = subprocess.run(
        [*SIM, *SMALL, "--folder", FOLDER.name], cwd=ROOT, capture_output=True, check=False
    )
    assert done.returncode == 0, done.stderr.decode()


@pytest.fixture(autouse=True)
def _no_runs_before():
    shutil.rmtree(FOLDER, ignore_errors=True)


def call(command, *, limit=None, cwd=ROOT, **environment) -> subprocess.CompletedProcess:
    """Run; `limit` is a resource and its most."""
    return subprocess.run(
        command,
        cwd=cwd,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
        preexec_fn=(lambda: resource.setrlimit(limit[0], (limit[1],) * 2)) if limit else None,
    )


def sim(*more: str, **options) -> subprocess.CompletedProcess:
    return call([*SIM, *SMALL, "--folder", FOLDER.name, *more], **options)


def program_of(pid: int) -> str:
    """What a process runs; empty if it has ended."""
    try:
        return os.readlink(f"/proc/{pid}/exe")
    except OSError:
        return ""


def one_line(done: subprocess.CompletedProcess, *says: str) -> None:
    """What was said is progress, and one line of what is wrong."""
    said = [line for line in done.stderr.splitlines() if line.startswith("flatmesh: ")]
    assert len(said) == 1 and "Traceback" not in done.stderr, done.stderr
    assert done.returncode in (1, 2) and all(text in said[0] for text in says), said[0]
    assert not list(FOLDER.rglob("result.json"))
    assert not [path for path in FOLDER.rglob("*") if path.is_file() and path.name != "output.npz"]


def private(mounts: str, command: list[str]) -> subprocess.CompletedProcess:
    """Run with mounts that nobody else sees."""
    done = call(["unshare", "-m", "sh", "-c", f'{mounts} && exec "$@"', "sh", *command])
    if "unshare" in done.stderr or "mount:" in done.stderr or "mount point" in done.stderr:
        pytest.skip(f"no mounts here: {done.stderr.strip()[:100]}")
    return done


def children(process: int) -> list[int]:
    found = []
    for status in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = status.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        if int(fields[1]) == process:
            found.append(int(status.parent.name))
    return found


def test_a_simulator_that_is_killed():
    command = [*SIM, "--machine", "tiny", "--workload", "mha:S=512,D=64,H=4"]
    command += ["--folder", FOLDER.name]
    with subprocess.Popen(command, cwd=ROOT, stderr=subprocess.PIPE, text=True) as process:
        victims: list[int] = []
        until = time.monotonic() + 500
        while not victims and process.poll() is None and time.monotonic() < until:
            time.sleep(0.1)
            victims = [pid for pid in children(process.pid) if "build/verilator" in program_of(pid)]
        time.sleep(1)
        os.kill(victims[0], signal.SIGKILL)
        said = process.communicate(timeout=60)[1]
    one_line(
        subprocess.CompletedProcess(command, process.returncode, "", said),
        "the simulator stopped abnormally (killed by SIGKILL, by a user or by the kernel",
        "simulation.log",
    )


def test_too_little_memory():
    done = sim(limit=(resource.RLIMIT_AS, 130 << 20), OPENBLAS_NUM_THREADS="1")
    one_line(done, "not enough memory: see free -m and ulimit -v")


def test_a_simulator_without_memory(tmp_path):
    (tmp_path / "top.cpp").write_text("int main() { delete[] new char[1ull << 33]; }")
    subprocess.run(["g++", "-O0", "-o", "top", "top.cpp"], cwd=tmp_path, check=True)
    text = (
        "from pathlib import Path; from scripts.front import main; from tb.runner import Build, run"
        f"; here = Path({str(tmp_path)!r})"
        "; main(lambda: run(Build('top', here, 0.0), 'none', workdir=here / 'run'))"
    )
    done = call([sys.executable, "-c", text], limit=(resource.RLIMIT_AS, 2 << 30))
    one_line(done, "killed by SIGABRT", "out of memory (std::bad_alloc)")


@pytest.mark.parametrize("kilobytes", [1, 20])
def test_a_limit_of_the_size_of_files(kilobytes):
    done = sim(limit=(resource.RLIMIT_FSIZE, kilobytes << 10))
    one_line(done, "File too large, see ulimit -f", "build/")


@pytest.mark.parametrize("kilobytes", [4, 8, 16])
def test_a_disk_that_is_full_where_the_result_goes(kilobytes):
    FOLDER.mkdir(parents=True)
    done = private(
        f"mount -t tmpfs -o size={kilobytes}k none {FOLDER} && find {FOLDER} -mindepth 1",
        [*SIM, *SMALL, "--folder", FOLDER.name],
    )
    one_line(done, "No space left on device, 0 MiB are free there", FOLDER.name)


@pytest.mark.parametrize("kilobytes", [16, 64, 128])
def test_a_disk_that_is_full_where_the_simulator_writes(kilobytes):
    """Anywhere in a run: before, while and after the simulator has the files."""
    (ROOT / "build" / "runs").mkdir(parents=True, exist_ok=True)
    mount = f"mount -t tmpfs -o size={kilobytes}k none {ROOT}/build/runs"
    done = private(mount, [*SIM, *SMALL, "--folder", FOLDER.name])
    if done.returncode:
        one_line(done)
    else:
        assert "bit-exact" in done.stdout and kilobytes > 64


def test_a_checkout_that_cannot_be_written():
    mount = f"mount --bind {ROOT} {ROOT} && mount -o remount,ro,bind {ROOT} && cd {ROOT}"
    done = private(mount, [*SIM, *SMALL, "--folder", FOLDER.name])
    one_line(done, "Read-only file system", "build/")


def test_spaces_in_the_paths_of_files(tmp_path):
    folder = tmp_path / "my files"
    folder.mkdir()
    done = sim("--out", str(folder / "first run.npz"))
    assert done.returncode == 0 and (folder / "first run.npz").exists(), done.stderr


@pytest.mark.parametrize("name", ["my work", "a$b", "a#b", "a:b", "it's", "a]b", "a\\b", "a`b"])
def test_a_checkout_where_make_cannot_build_is_refused_before_anything_is_installed(tmp_path, name):
    folder = tmp_path / name
    folder.mkdir()
    done = call(["sh", str(ROOT / "scripts" / "setup.sh")], cwd=folder)
    one_line(done, "make cannot build below a path with such a character in it: move the checkout")
    assert not list(folder.iterdir())


def test_a_path_of_python_that_is_meant_for_others(tmp_path):
    for name in ("numpy", "pydantic", "rich", "isa"):
        (tmp_path / f"{name}.py").write_text("raise SystemExit('a module of somebody else')\n")
    command = ["make", "-s", "-o", ".venv/ready", "machine", "MACHINE=tiny"]
    done = call(command, PYTHONPATH=str(tmp_path), PYTHONHOME="/none", MAKEFLAGS="")
    assert done.returncode == 0 and done.stdout.startswith('name = "tiny"'), done.stderr


def test_an_environment_that_is_not_whole(tmp_path):
    (tmp_path / "numpy.py").write_text("raise ImportError('libblas is missing', name='numpy')\n")
    done = sim(PYTHONPATH=str(tmp_path))
    one_line(done, ".venv is not whole (libblas is missing): remove .venv and run make again")


TINY = "module m(input clk, output reg q); always @(posedge clk) q <= !q; endmodule"


def build(folder: Path, limit=None, **environment: str) -> subprocess.CompletedProcess:
    """Compile a small module, below a folder of its own."""
    text = (
        "from pathlib import Path; import tb.runner as r; from tb.library import build_library"
        f"; from scripts.front import main; r.ROOT = Path({str(folder)!r})"
        f"; main(lambda: build_library({TINY!r}, 'm') and 0)"
    )
    return call([sys.executable, "-c", text], limit=limit, **environment)


def program(folder: Path, name: str, script: str) -> str:
    """A PATH on which `name` does this."""
    path = folder / "bin"
    path.mkdir()
    (path / name).write_text(script)
    (path / name).chmod(0o755)
    return f"{path}{os.pathsep}{os.environ['PATH']}"


@pytest.mark.parametrize(
    "environment",
    [
        {"CFLAGS": "-x", "CXXFLAGS": "-x", "CPPFLAGS": "-x", "LDFLAGS": "-x", "CPATH": "/none"},
        {"MAKEFLAGS": "n", "MAKELEVEL": "3", "MFLAGS": "-n", "MAKEFILES": "/none"},
        {"TMPDIR": "/none", "TMP": "/none", "TEMP": "/none"},
    ],
    ids=["flags", "make", "tmpdir"],
)
def test_a_build_does_not_depend_on(tmp_path, environment):
    done = build(tmp_path, **environment)
    assert done.returncode == 0, done.stderr
    assert list(tmp_path.rglob("Vm__ALL.a")) and list(tmp_path.rglob("built"))


@pytest.mark.parametrize(
    "script", ["#!/bin/sh\necho Verilator 4.038 2020\n", "#!/none\n", "#!/bin/sh\nexit 3\n"]
)
def test_a_verilator_that_is_old_or_broken_is_passed_over(tmp_path, script):
    done = build(tmp_path, PATH=program(tmp_path, "verilator", script))
    assert done.returncode == 0 and list(tmp_path.rglob("built")), done.stderr


@pytest.mark.parametrize(
    ("name", "script", "says"),
    [
        ("g++", "#!/bin/sh\necho no cc1plus >&2\nexit 1\n", "does not work (exit status 1: no cc1"),
        ("g++", "#!/bin/sh\necho hello\n", "g++ does not work (its version is 'hello')"),
        (
            "g++",
            "#!/bin/sh\n[ $1 = -dumpfullversion ] && echo 1.2 || { echo error: x >&2; exit 4; }",
            "build of m failed",
        ),
        ("verilator", "#!/bin/sh\necho Verilator 5.100\n", "build of m failed"),
    ],
)
def test_a_compiler_that_does_not_work(tmp_path, name, script, says):
    done = build(tmp_path, PATH=program(tmp_path, name, script))
    one_line(done, says)
    assert not list(tmp_path.rglob("built"))


def test_a_build_that_may_not_write_large_files(tmp_path):
    done = build(tmp_path, limit=(resource.RLIMIT_FSIZE, 8 << 10))
    one_line(done, "build of m failed")
    assert not list(tmp_path.rglob("built"))
