"""A copy of the hardware with every fault in it, each switched on by its number at the input
``mutant``.

Number 0 is the hardware as it is. So one build serves all faults, and each of them costs nothing
but runs.
"""

import ast
import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

import amaranth

from isa.errors import UserError
from isa.machine import Machine
from tb.hardware import Design, with_waves
from tb.runner import ROOT
from verify.mutants.mutation import MUTANT, Mutation

__all__ = ["design", "patched"]

ROOMS = ("hw", "isa")
INPUT = "mutant"

_PLUMBING = (
    Mutation(
        "emit",
        "modules have the input",
        "hw/emit.py",
        "platform=self, name=name, emit_src",
        "platform=self, name=name, ports=ports_of(component), emit_src",
    ),
    Mutation(
        "once",
        "modules that are emitted once are connected to it",
        "hw/emit.py",
        '("rst", ResetSignal()))',
        '("rst", ResetSignal()), ("mutant", SELECT))',
    ),
    Mutation(
        "place",
        "tiles are connected to it",
        "hw/mesh/placed_tile.py",
        'ports = [("i", "clk", ClockSignal()),',
        'ports = [("i", "mutant", SELECT), ("i", "clk", ClockSignal()),',
    ),
)
"""What leads the number to where it is needed; Amaranth does it inside a module."""

_IMPORTS = (
    "from amaranth import Cat, Const, Mux  # noqa\n"
    "from hw.mutant import SELECT, mutant, ports_of  # noqa\n"
)

_SELECT = '''"""The number of the fault that is switched on."""

from amaranth import Signal, Value
from amaranth.hdl._ir import PortDirection
from amaranth.lib.wiring import In

SELECT = Signal(8, name="mutant")


def mutant(number):
    return SELECT == number


def ports_of(component):
    ports = {"mutant": (SELECT, PortDirection.Input)}
    for path, member, value in component.signature.flatten(component):
        direction = PortDirection.Input if member.flow == In else PortDirection.Output
        ports["__".join(map(str, path))] = (Value.cast(value), direction)
    return ports
'''

_EMIT = """import sys
from pathlib import Path

from hw.emit import emit
from hw.mesh.mesh import Mesh
from hw.tile.tile import Tile
from isa.machine import Machine

machine, waves = Machine.model_validate_json(Path(sys.argv[1]).read_text()), sys.argv[2] == "waves"
mesh = Mesh(machine=machine, stall=True, transport=True, waves=waves)
Path("tile.v").write_text(emit(Tile(machine=machine, waves=waves), "tile"))
Path("mesh.v").write_text(emit(mesh, "mesh"))
Path("hbm_memory.v").write_text(Path("hw/sim/hbm_memory.v").read_text())
"""


def patched(file: str, text: str, mutations: Sequence[tuple[int, Mutation]]) -> str:
    """`text` of a file with the replacements of numbered mutations.

    Raises
    ------
    UserError
        If the text of one is not there exactly once, or two of them overlap.
    """
    places: list[tuple[int, int, str, str]] = []
    for number, mutation in mutations:
        found = list(_in_any_layout(mutation.text).finditer(text))
        if len(found) != 1:
            raise UserError(
                f"mutation {mutation.name}: its text must be in {file} exactly once, "
                f"not {len(found)} times"
            )
        replacement = mutation.replacement.replace(MUTANT, f"mutant({number})")
        places.append((*found[0].span(), replacement, mutation.name))
    out, at, last = "", 0, ""
    for start, end, replacement, name in sorted(places):
        if start < at:
            raise UserError(f"mutations {last} and {name} change the same text of {file}")
        out, at, last = out + text[at:start] + replacement, end, name
    out += text[at:]
    line = ast.parse(out).body[0].end_lineno or 0  # the docstring
    lines = out.splitlines(keepends=True)
    return "".join([*lines[:line], _IMPORTS, *lines[line:]])


def _in_any_layout(code: str) -> re.Pattern[str]:
    """What finds a piece of code, however the formatter breaks its lines."""
    tokens = re.findall(r"\w+|\S", code)
    return re.compile(r"\s*".join(",?" * (t in ")]}") + re.escape(t) for t in tokens))


def design(
    machine: Machine, mutations: Sequence[Mutation], number: int, *, waves: bool = False
) -> Design:
    """The hardware with fault `number` of `mutations`, counted from 1, switched on; 0: none. With
    `waves`, it can show waveforms.

    The Verilog is emitted once, into ``build/conformance/mutants/<hash>``.

    Raises
    ------
    UserError
        If a mutation does not fit the sources any more, or what comes out is not a design.
    """
    hardware = machine.model_copy(
        update={
            "name": "any",
            "hbm": machine.hbm.model_copy(update={"latency": 1, "bytes_per_cycle": 1}),
        }
    )
    changes = [(m.file, m.text, m.replacement) for m in (*mutations, *_PLUMBING)]
    digest = hashlib.sha256(
        repr((amaranth.__version__, hardware, changes, _SELECT, _EMIT, waves)).encode()
    )
    sources = {
        path: path.read_text()
        for room in ROOMS
        for path in sorted((ROOT / room).rglob("*"))
        if _is_source(path)
    }
    for path, text in sources.items():
        digest.update(f"{path.relative_to(ROOT)}\n{text}".encode())
    folder = ROOT / "build" / "conformance" / "mutants" / digest.hexdigest()[:16]
    if not folder.exists():
        folder.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=folder.parent) as scratch:
            _emit(Path(scratch), hardware, mutations, sources, waves)
            try:
                os.replace(scratch, folder)
            except OSError:  # somebody else was faster
                if not folder.exists():
                    raise
            Path(scratch).mkdir(exist_ok=True)
    files = {path.name: path.read_text() for path in folder.glob("*.v")}
    return Design(with_waves(files, hardware) if waves else files, {INPUT: number})


def _is_source(path: Path) -> bool:
    return path.suffix in (".py", ".v")


def _emit(
    folder: Path,
    machine: Machine,
    mutations: Sequence[Mutation],
    sources: dict[Path, str],
    waves: bool,
) -> None:
    by_file: dict[str, list[tuple[int, Mutation]]] = {}
    for number, mutation in [*enumerate(mutations, 1), *((0, plumbing) for plumbing in _PLUMBING)]:
        by_file.setdefault(mutation.file, []).append((number, mutation))
    for path, text in sources.items():
        name = str(path.relative_to(ROOT))
        target = folder / name
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(patched(name, text, by_file.pop(name)) if name in by_file else text)
    if by_file:
        raise UserError(
            f"mutation {next(iter(by_file.values()))[0][1].name}: there is no file "
            f"{next(iter(by_file))}"
        )
    (folder / "hw" / "mutant.py").write_text(_SELECT)
    (folder / "emit_mutants.py").write_text(_EMIT)
    (folder / "machine.json").write_text(json.dumps(machine.model_dump()))
    done = subprocess.run(
        [sys.executable, "emit_mutants.py", "machine.json", "waves" if waves else ""],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(folder), "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        said = (done.stderr.strip() or "nothing").splitlines()[-1]
        kept = shutil.copytree(folder, folder.parent / "failed", dirs_exist_ok=True)
        raise UserError(
            f"the hardware with mutations cannot be emitted: {said} (its sources are in {kept})"
        )
