"""What the compiler decides and makes, in a form that can be kept and compared."""

import hashlib
from collections.abc import Iterable
from typing import Any, NamedTuple

from isa.errors import UserError
from isa.instructions import Format
from isa.machine import load_machine
from programs.common.compiled import Compiled
from programs.compiler import compile_workload, estimate_workload, parse_workload, rank_workload

_MAPPING_ONLY = ("reads", "all_reduce")
"""Decisions that the tiling rule does not know."""


class Case(NamedTuple):
    """What to compile on what; `decisions` as ``name=value`` pairs with blanks between them."""

    machine: str
    mesh: str
    workload: str
    dataflow: str = ""
    decisions: str = ""
    dtype: str = "fp16"

    @property
    def fixed(self) -> dict[str, Any]:
        """What the user fixed."""
        pairs = (one.split("=") for one in self.decisions.split())
        return {name: int(value) if value.isdigit() else value for name, value in pairs}


def record(case: Case, *, images: bool = True) -> dict[str, Any]:
    """Choice, estimate and order of all mappings; with `images` the programs too. An error is its
    text.
    """
    machine = load_machine(case.machine, case.mesh or None)
    try:
        workload = parse_workload(case.workload, Format[case.dtype.upper()])
        fixed = case.fixed
        rule = {name: value for name, value in fixed.items() if name not in _MAPPING_ONLY}
        ranked = rank_workload(machine, workload, case.dataflow or None, **rule)
        found = {
            "mappings": len(ranked),
            "choice": ranked[0].describe(),
            "estimate": float(estimate_workload(machine, workload, ranked[0])),
            "order": _digest(map(repr, ranked)),
        }
        if images:
            made = compile_workload(machine, workload, case.dataflow or None, **fixed)
            found |= {"compiled": made.describe(), "images": image_digest(made)}
    except UserError as error:
        return {"error": str(error)}
    return found


def image_digest(made: Compiled) -> str:
    """Of all that is loaded into a machine but the tensors: the images, and where slices are."""
    lines = [f"{tile} {word:x}" for tile in sorted(made.programs) for word in _words(made, tile)]
    names = f"{made.semaphores} {made.tags} {made.hbm_ideal_read_bytes}"
    placed = f"{list(made.placement.words)} {list(made.placement.traffic)}"
    slices = (repr(kept) for kept in made.placement.slices.values())  # type: ignore[attr-defined]
    return _digest([*lines, names, placed, *slices])


def _words(made: Compiled, tile: tuple[int, int]) -> list[int]:
    return made.programs[tile].words()


def _digest(lines: Iterable[str]) -> str:
    found = hashlib.sha256()
    for line in lines:
        found.update(line.encode() + b"\n")
    return found.hexdigest()[:24]
