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
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from functools import lru_cache
from pathlib import Path

import amaranth

from isa.errors import UserError
from isa.machine import Machine
from tb.hardware import Design, hardware_of, in_any_mesh, with_waves
from tb.runner import ROOT
from verify.mutants.mutation import MUTANT, Mutation

__all__ = ["PLUMBING", "design", "patched"]

ROOMS = ("hw", "isa")
SUFFIXES = (".py", ".v", ".cpp", ".h")
INPUT = "mutant"

PLUMBING = (
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
    Mutation(
        "native",
        "so is the model of all tiles",
        "hw/sim/native.py",
        'ports = [("i", "clk", ClockSignal()),',
        'ports = [("i", "mutant", SELECT), ("i", "clk", ClockSignal()),',
    ),
    Mutation(
        "native-port",
        "which has it",
        "hw/sim/native.py",
        "ports = port_declarations(signature)",
        'ports = ["input wire [7:0] mutant", *port_declarations(signature)]',
    ),
    Mutation(
        "native-control",
        "and hands it over",
        "hw/sim/native.py",
        "{{28'd0, expired, stop, run, rst}}",
        "{{16'd0, mutant, 4'd0, expired, stop, run, rst}}",
    ),
    Mutation(
        "native-tile",
        "to every tile",
        "hw/sim/native_tiles.cpp",
        "tile.rst = now.control & 1;",
        "tile.rst = now.control & 1;\n        tile.mutant = now.control >> 8 & 255;",
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
from hw.sim.native import native_header, native_verilog
from hw.tile.tile import Tile
from isa.machine import Machine

out, what = Path(sys.argv[1]), sys.argv[2]
machine = Machine.model_validate_json((out / "machine.json").read_text())
if what.startswith("tile"):
    waves = what.endswith("waves")
    (out / "tile.v").write_text(emit(Tile(machine=machine, waves=waves, gated=not waves), "tile"))
elif what == "mesh waves":
    mesh = Mesh(machine=machine, stall=True, transport=True, waves=True)
    (out / "mesh.v").write_text(emit(mesh, "mesh"))
else:
    (out / "mesh.v").write_text(emit(Mesh(machine=machine, native=True), "mesh"))
    (out / "tiles.sv").write_text(native_verilog(machine))
    (out / "placement.h").write_text(native_header(machine))
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
    if not file.endswith(".py"):
        return out
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
    `waves`, it can show waveforms; without, its tile is compiled once for all meshes.

    Sources and Verilog are made once, in ``build/conformance/mutants/<hash>``.

    Raises
    ------
    UserError
        If a mutation does not fit the sources any more, or what comes out is not a design.
    """
    hardware = hardware_of(machine)
    copy = _copy(tuple(mutations))
    kind = " waves" if waves else ""
    files = _emitted(copy, f"tile{kind}", in_any_mesh(hardware))
    files = files | _emitted(copy, f"mesh{kind}", hardware)
    models = [copy / "hw" / "sim" / "hbm_memory.v"]
    models += [] if waves else sorted((copy / "hw" / "sim").glob("native_*.*"))
    files = files | {path.name: path.read_text() for path in models if path.suffix != ".py"}
    return Design(with_waves(files, hardware) if waves else files, {INPUT: number})


@lru_cache(maxsize=4)
def _copy(mutations: tuple[Mutation, ...]) -> Path:
    """The folder of the sources with the mutations."""
    sources = {
        str(path.relative_to(ROOT)): path.read_text()
        for room in ROOMS
        for path in sorted((ROOT / room).rglob("*"))
        if path.suffix in SUFFIXES
    }
    changes = [(m.file, m.text, m.replacement) for m in (*mutations, *PLUMBING)]
    what = repr((amaranth.__version__, changes, _SELECT, _EMIT, sorted(sources.items())))
    folder = ROOT / "build" / "conformance" / "mutants" / _short(what)

    def write_all(scratch: Path) -> None:
        by_file: dict[str, list[tuple[int, Mutation]]] = {}
        for number, mutation in [*enumerate(mutations, 1), *((0, one) for one in PLUMBING)]:
            by_file.setdefault(mutation.file, []).append((number, mutation))
        for name, text in sources.items():
            target = scratch / name
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(patched(name, text, by_file.pop(name)) if name in by_file else text)
        if by_file:
            raise UserError(
                f"mutation {next(iter(by_file.values()))[0][1].name}: there is no file "
                f"{next(iter(by_file))}"
            )
        (scratch / "hw" / "mutant.py").write_text(_SELECT)
        (scratch / "emit_mutants.py").write_text(_EMIT)

    _made(folder, write_all)
    return folder


def _emitted(copy: Path, what: str, machine: Machine) -> dict[str, str]:
    """Verilog of a tile or a mesh of the copy: file name to text."""
    folder = copy / "emitted" / _short(repr((what, machine)))

    def emit(scratch: Path) -> None:
        (scratch / "machine.json").write_text(json.dumps(machine.model_dump()))
        done = subprocess.run(
            [sys.executable, "emit_mutants.py", str(scratch), what],
            cwd=copy,
            env={**os.environ, "PYTHONPATH": str(copy), "PYTHONDONTWRITEBYTECODE": "1"},
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            said = (done.stderr.strip() or "nothing").splitlines()[-1]
            raise UserError(
                f"the hardware with mutations cannot be emitted: {said} (its sources are in {copy})"
            )

    _made(folder, emit)
    return {
        path.name: path.read_text()
        for path in folder.iterdir()
        if path.suffix in (*SUFFIXES, ".sv")
    }


def _made(folder: Path, make: Callable[[Path], None]) -> None:
    """Have `make` fill a folder, unless that has been done; whole or not at all."""
    if folder.exists():
        return
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent) as scratch:
        make(Path(scratch))
        try:
            os.replace(scratch, folder)
        except OSError:  # somebody else was faster
            if not folder.exists():
                raise
        Path(scratch).mkdir(exist_ok=True)


def _short(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:16]
