"""A tile or a mesh that somebody else wrote: does it have our ports, and how does it take the place
of ours.
"""

import hashlib
import json
import os
import re
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from amaranth.lib import wiring

from hw.mesh.mesh import MESH_SIGNATURE
from hw.tile.ports import tile_signature
from isa.errors import UserError
from isa.machine import Machine
from tb import toolchain
from tb.hardware import Design, verilog

__all__ = ["Dut", "DutPort", "design", "ports_of", "read_dut"]

MODULES = ("mesh", "tile")
"""What a file may hold; with both, its tiles are its own."""


class DutPort(NamedTuple):
    """Direction (``INPUT`` or ``OUTPUT``) and bits of a port."""

    direction: str
    bits: int

    def __str__(self) -> str:
        return f"{self.direction.lower()} of {self.bits} bit{'s' * (self.bits != 1)}"


@dataclass(frozen=True)
class Dut:
    """A Verilog file under test."""

    path: str
    module: str
    digest: str
    """Of its text: a result that is kept belongs to it."""


def ports_of(machine: Machine, module: str) -> dict[str, DutPort]:
    """Ports of our module ``tile`` or ``mesh``, by name."""
    signature = MESH_SIGNATURE if module == "mesh" else tile_signature(machine)
    ports = {"clk": DutPort("INPUT", 1), "rst": DutPort("INPUT", 1)}
    for path, member, value in signature.flatten(signature.create()):
        direction = "INPUT" if member.flow == wiring.In else "OUTPUT"
        ports["__".join(map(str, path))] = DutPort(
            direction, len(value.as_value() if hasattr(value, "as_value") else value)
        )
    return ports


def read_dut(path: Path, machine: Machine) -> Dut:
    """Read a file and compare the ports of its module with ours, for the machine it is to be run
    in.

    Raises
    ------
    UserError
        If there is no such file, it is not Verilog, it has neither module, or a port is missing,
        unknown, too wide, too narrow or of the other direction.
    """
    try:
        text = path.read_text()
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(
            f"DUT {path}: {getattr(error, 'strerror', None) or 'not a text file'}"
        ) from None
    modules = re.findall(r"^\s*module\s+(\w+)", text, re.MULTILINE)
    module = next((name for name in MODULES if name in modules), None)
    if module is None:
        there = f"only {', '.join(modules[:5])}" if modules else "and no other"
        raise UserError(f"DUT {path}: must hold a module tile or mesh, it has none, {there}")
    seen = _ports(path, module, _files(text, module, modules, machine))
    _compare(path, module, ports_of(machine, module), seen)
    return Dut(str(path.resolve()), module, hashlib.sha256(text.encode()).hexdigest())


def design(dut: Dut, machine: Machine) -> Design:
    """The Verilog of a machine with the file in place of our module."""
    text = Path(dut.path).read_text()
    return Design(
        _files(text, dut.module, re.findall(r"^\s*module\s+(\w+)", text, re.MULTILINE), machine)
    )


def _files(text: str, module: str, modules: list[str], machine: Machine) -> dict[str, str]:
    files = verilog(machine, stall=True)
    files[f"{module}.v"] = text
    if module == "mesh" and "tile" in modules:
        del files["tile.v"]
    if "hbm_memory" in modules:
        del files["hbm_memory.v"]
    return files


def _ports(path: Path, module: str, files: dict[str, str]) -> dict[str, DutPort]:
    """Ports as Verilator elaborates them."""
    with tempfile.TemporaryDirectory() as folder:
        for name, text in files.items():
            Path(folder, name).write_text(text)
        # A tile is looked at alone; a mesh needs what it places.
        names = [f"{module}.v"] if module == "tile" else list(files)
        done = subprocess.run(
            [
                "verilator",
                "--json-only",
                "-Wno-fatal",
                "-Wno-lint",
                "-Wno-style",
                "--top-module",
                module,
                "--Mdir",
                "out",
                *names,
            ],
            cwd=folder,
            env={**os.environ, **toolchain.environment()},
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            errors = [
                line
                for line in done.stderr.splitlines()
                if line.startswith("%Error") and ".v:" in line
            ]
            said = (
                re.sub(r"^%Error[^:]*: *(\w+\.v):", lambda m: f"{m[1]}:", errors[0])
                if errors
                else "no Verilog"
            )
            said = said.replace(f"{module}.v:", "line ", 1)
            raise UserError(f"DUT {path}: Verilator does not accept it: {said}")
        tree = json.loads(next(Path(folder, "out").glob("*.tree.json")).read_text())
    types = {node["addr"]: node for node in _nodes(tree) if node.get("type", "").endswith("DTYPE")}
    modules = [
        node
        for node in _nodes(tree)
        if node.get("type") == "MODULE" and node.get("origName") == module
    ]
    return {
        node["name"]: DutPort(node["direction"], _bits(node["dtypep"], types))
        for node in _nodes(modules[0].get("stmtsp", []))
        if node.get("type") == "VAR"
        and node.get("direction") in ("INPUT", "OUTPUT", "INOUT")
        and node.get("isPrimaryIO")
    }


def _nodes(tree):
    """All nodes of Verilator's tree."""
    stack = [tree]
    while stack:
        node = stack.pop()
        if isinstance(node, dict):
            yield node
            stack.extend(value for value in node.values() if isinstance(value, (dict, list)))
        elif isinstance(node, list):
            stack.extend(node)


def _bits(address: str, types: dict[str, dict]) -> int:
    """Bits of a packed type."""
    node = types[address]
    kind = node["type"]
    if kind == "BASICDTYPE":
        return (
            _range(node.get("range", "0:0"))
            if node.get("keyword") in ("logic", "bit", "reg")
            else 32
        )
    if kind == "STRUCTDTYPE":
        return sum(_bits(member["refDTypep"], types) for member in node["membersp"])
    if kind == "PACKARRAYDTYPE":
        return _range(node["declRange"].strip("[]")) * _bits(node["refDTypep"], types)
    return _bits(node["refDTypep"], types)


def _range(text: str) -> int:
    high, low = (int(end) for end in text.split(":"))
    return abs(high - low) + 1


def _compare(path: Path, module: str, ours: dict[str, DutPort], theirs: dict[str, DutPort]) -> None:
    missing = [name for name in ours if name not in theirs]
    if missing:
        more = f" and {len(missing) - 6} more" if len(missing) > 6 else ""
        listed = ", ".join(f"{name} ({ours[name]})" for name in missing[:6])
        raise UserError(
            f"DUT {path}: module {module} lacks the port{'s' * (len(missing) > 1)} {listed}{more}"
        )
    for name, port in ours.items():
        if theirs[name] != port:
            raise UserError(
                f"DUT {path}: port {name} of module {module} must be an {port}, it is an "
                f"{theirs[name]}"
            )
    extra = [
        name for name, port in theirs.items() if name not in ours and port.direction != "OUTPUT"
    ]
    if extra:
        raise UserError(
            f"DUT {path}: module {module} has an input {extra[0]} that nothing drives: ours has "
            "none"
        )
