"""`make help`: the targets by group, and every variable with its default and unit."""

import os
import re
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path

from isa.errors import meant
from scripts.pipe import outlive_reader
from scripts.targets import TARGETS
from scripts.variables import GROUPS

__all__ = ["lines", "run", "targets"]

MAKEFILE = Path(__file__).resolve().parent.parent / "Makefile"
WIDTH = 100


def targets(makefile: str) -> dict[str, dict[str, str]]:
    """Group to target to what it does: from lines ``##@ group`` and ``target: ... ## text``."""
    groups: dict[str, dict[str, str]] = {}
    for line in makefile.splitlines():
        if found := re.fullmatch(r"##@ (.+)", line):
            groups[found[1]] = {}
        elif found := re.match(r"([a-z-]+):.*## (.+)", line):
            list(groups.values())[-1][found[1]] = found[2]
    return groups


def lines(target: str = "") -> Iterator[str]:
    """All lines of the help, or those of one target."""
    for group, found in targets(MAKEFILE.read_text()).items():
        shown = {name: text for name, text in found.items() if target in ("", name)}
        if not target:
            yield f"{group}:"
        for name, text in shown.items():
            yield from _entry(f"make {name}", text)
        if shown:
            yield ""
    reads = TARGETS[target] if target else None
    if reads and not reads.names:
        yield "reads no variable"
        return
    yield "reads, [default]:" if target else "variables, as in make sim MESH=5x3 SEED=7, [default]:"
    for group, variables in GROUPS.items():
        some = [v for v in variables if not reads or v.name in reads.names]
        if some:
            yield f" {group}"
        for variable in some:
            value = (reads.defaults if reads else {}).get(variable.name, variable.default)
            yield from _entry(variable.name, variable.text + (f" [{value}]" if value else ""))


def _entry(name: str, text: str) -> list[str]:
    return textwrap.wrap(text, WIDTH, initial_indent=f"  {name:17} ", subsequent_indent=" " * 20)


def run(target: str) -> int:
    """Print it; the exit status."""
    outlive_reader()
    if target and target not in TARGETS:
        print(f"flatmesh: FOR {target!r} is no target: {meant(target, TARGETS)}", file=sys.stderr)
        return 2
    print("\n".join(lines(target)), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(run(os.environ.get("FOR", "")))
