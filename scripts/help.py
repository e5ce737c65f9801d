"""`make help`: the targets by group, and every variable with its default and unit."""

import re
import textwrap
from collections.abc import Iterator
from pathlib import Path

from scripts.variables import GROUPS

__all__ = ["lines", "targets"]

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


def lines() -> Iterator[str]:
    """All lines of the help."""
    for group, found in targets(MAKEFILE.read_text()).items():
        yield f"{group}:"
        for name, text in found.items():
            yield from _entry(f"make {name}", text)
        yield ""
    yield "variables, as in make sim MESH=5x3 SEED=7:"
    for group, variables in GROUPS.items():
        yield f" {group}"
        for variable in variables:
            default = f" [{variable.default}]" if variable.default else ""
            yield from _entry(variable.name, f"{variable.text}{default}")


def _entry(name: str, text: str) -> list[str]:
    return textwrap.wrap(text, WIDTH, initial_indent=f"  {name:17} ", subsequent_indent=" " * 20)


if __name__ == "__main__":
    print("\n".join(lines()))
