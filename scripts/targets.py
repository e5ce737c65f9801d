"""Which variables each make target reads; and a variable that no target of a command reads is
refused before anything is built.

It needs nothing but the standard library, since make asks it before `.venv` is there.
"""

import difflib
import os
import sys
from collections.abc import Sequence
from typing import NamedTuple

from publish.wafer.variables import WAFER
from scripts.variables import VARIABLES

__all__ = ["COMMON", "TARGETS", "Reads", "refuse"]


class Reads(NamedTuple):
    """What a target reads."""

    names: tuple[str, ...] = ()
    defaults: dict[str, str] = {}
    """Of this target, where they are not those of `VARIABLES`."""


COMMON = (
    *("MACHINE", "MESH", "DATAFLOW", "WORKLOAD", "DTYPE", "PTYPE", "OTYPE", "SEED"),
    *("GROUP", "SLICE"),
)
"""Variables of every target that compiles a workload."""
_SIMULATED = (*COMMON, "STALL", "ANYSIZE")
_CORES = {"JOBS": str(os.cpu_count() or 1)}
_CONFORMANCE = (
    *("SET", "CASE", "TARGET", "DUT", "MACHINE", "MESH", "SEED"),
    *("JOBS", "SCHEDULER", "RESUME", "MUTATIONS", "MUTANT"),
)
_NOC = ("QUICK", "MACHINE", "MESH", "SEED", "JOBS", "SCHEDULER")
_TUNE = (*COMMON, "TOP", "EXHAUSTIVE", "MOST", "JUDGE", "JOBS", "SCHEDULER")
_WAVES = ("FROM", "TO", "COLLECTIVE", "FAULT", "FORMAT", "OPEN", "VIEWER")
_EXPLORE = (
    *("VARY", "MACHINE", "MESH", "WORKLOAD", "DATAFLOW", "DTYPE", "GROUP", "SLICE"),
    *("JOBS", "SCHEDULER", "RESUME"),
)
_EXPLORED = {
    **_CORES,
    "MACHINE": "",  # paper-2025 of 8x8 tiles
    "WORKLOAD": "mha:S=512,D=128,H=8",
}
_RUN = ("PROGRAM", "MACHINE", "MESH", "TARGET", "DUT", "WAVES")
_SHRINK = ("CASE", "DUT", "MUTANT", "MACHINE", "MESH", "SEED", "OUT")

TARGETS: dict[str, Reads] = {
    "sim": Reads((*_SIMULATED, "ARRAY", "THREADS", "WAVES", "OUT")),
    "run": Reads(_RUN, {"MACHINE": "", "TARGET": "both"}),
    "compile": Reads((*COMMON, "OUT")),
    "calibrate": Reads(("QUICK", "JOBS", "SCHEDULER"), _CORES),
    "validate": Reads(("JOBS", "SCHEDULER"), _CORES),
    "model": Reads((*COMMON, "COSTS", "JOBS", "SCHEDULER"), {"WORKLOAD": "", **_CORES}),
    "explore": Reads(_EXPLORE, _EXPLORED),
    "machine": Reads(("MACHINE", "MESH")),
    "verilog": Reads(("MACHINE", "MESH", "OUT")),
    "tune": Reads(_TUNE, _CORES),
    "campaign": Reads(("SPEC", "JOBS", "SCHEDULER", "RESUME"), _CORES),
    "waves": Reads((*_SIMULATED, *_WAVES)),
    "inspect": Reads(("VCD", "COLLECTIVE", "LIST", "READER", "OPEN")),
    "conformance": Reads(_CONFORMANCE, {"MACHINE": "tiny"}),
    "shrink": Reads(_SHRINK, {"MACHINE": "tiny"}),
    "formal": Reads(("JOBS",), _CORES),
    "races": Reads(("JOBS", "SCHEDULER"), _CORES),
    "noc": Reads(_NOC, {"MACHINE": "mesh8"}),
    "ablation": Reads((*_SIMULATED, "SMALL"), {"DATAFLOW": "flat-async"}),
    "bench": Reads((*COMMON, "ANYSIZE"), {"WORKLOAD": "mha:S=256,D=64,H=2"}),
    "pgo": Reads(("MACHINE", "ARRAY")),
    "accuracy": Reads(),
    "wafer": Reads((*(name for name, *_ in WAFER), "JOBS", "SCHEDULER"), _CORES),
    "measure": Reads(("SET", "JOBS", "SCHEDULER", "MOST"), {"SET": "", "MOST": "16"}),
    "help": Reads(("FOR",)),
    **dict.fromkeys(("test", "test-all", "docs", "check", "lint", "clean"), Reads()),
}
"""By name. All of them take PYTHON as well."""


def refuse(goals: Sequence[str], given: Sequence[str]) -> str:
    """What is wrong with variables on make's command line, in one line; empty if nothing is.

    A variable is right if one of the goals reads it: they share a command line.
    """
    goals = goals or ["help"]
    if any(goal not in TARGETS for goal in goals):
        return ""  # a file, or make says that there is no such target
    reads = [name for goal in goals for name in TARGETS[goal].names]
    wrong = [name for name in given if name not in (*reads, "PYTHON", "SHELL")]
    if not wrong:
        return ""
    name = wrong[0]
    near = difflib.get_close_matches(name.upper(), reads) or difflib.get_close_matches(
        name.upper(), VARIABLES
    )
    meant = f" (did you mean {near[0]}?)" if near and near[0] != name else ""
    said = ", ".join(dict.fromkeys(reads)) or "no variable"
    return f"make {' '.join(goals)} does not read {name}{meant}: it reads {said}"


if __name__ == "__main__":
    print(refuse(sys.argv[1].split(), sys.argv[2:]))
