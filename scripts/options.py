"""The variables that all make targets share, as command-line options with the environment as
default.
"""

import argparse
import os
import sys
from collections.abc import Callable

from isa.errors import UserError
from isa.machine import MACHINES, load_machine
from programs.attention.mapping import DATAFLOWS

__all__ = ["common_parser", "main", "overrides", "positive"]


def _default(name: str, otherwise: str) -> str:
    return os.environ.get(name) or otherwise


def positive(name: str, text: str, *, least: int = 0) -> int:
    """A whole number from `least` up, or one clear line."""
    try:
        value = int(text)
    except ValueError:
        value = least - 1
    if value < least:
        raise UserError(f"{name} must be a whole number from {least} up, not {text!r}")
    return value


def common_parser(description: str) -> argparse.ArgumentParser:
    """Options shared by all targets. Each is also an environment variable, which is how make passes
    it on.
    """
    parser = argparse.ArgumentParser(
        description=description, formatter_class=argparse.ArgumentDefaultsHelpFormatter
    )
    add = parser.add_argument
    add(
        "--machine",
        default=_default("MACHINE", "mesh4"),
        help=f"{', '.join(MACHINES)}, or a .toml file (MACHINE)",
    )
    add(
        "--mesh",
        default=_default("MESH", ""),
        help="COLUMNSxROWS instead of the machine's mesh (MESH)",
    )
    add(
        "--dataflow",
        default=_default("DATAFLOW", ""),
        help=f"{', '.join(DATAFLOWS)}, summa for gemm; by rule if empty (DATAFLOW)",
    )
    add(
        "--workload",
        default=_default("WORKLOAD", "minilm"),
        help="minilm, mha:S=512,D=64,H=4 (or gqa, mqa, mla), gemm:M=256,N=256,K=256, or an .npz (WORKLOAD)",
    )
    add("--dtype", default=_default("DTYPE", "fp16"), help="fp16, bf16, e4m3 or e5m2 (DTYPE)")
    add(
        "--ptype",
        default=_default("PTYPE", ""),
        help="format of the probabilities; that of the inputs if empty (PTYPE)",
    )
    add(
        "--otype",
        default=_default("OTYPE", ""),
        help="format of the output; that of the inputs if empty (OTYPE)",
    )
    add(
        "--seed",
        default=_default("SEED", "1"),
        help="seed of generated data and back-pressure (SEED)",
    )
    add(
        "--group",
        default=_default("GROUP", ""),
        help="COLUMNSxROWS of a group of tiles; by rule if empty (GROUP)",
    )
    add(
        "--rows",
        default=_default("ROWS", ""),
        help="query rows per tile and stream, or rows of C; by rule if empty (ROWS)",
    )
    add(
        "--columns",
        default=_default("COLUMNS", ""),
        help="key columns per tile, or columns of C; by rule if empty (COLUMNS)",
    )
    add(
        "--stall",
        default=_default("STALL", "0"),
        help="per cent of cycles in which every link refuses flits (STALL)",
    )
    add(
        "--waves", default=_default("WAVES", "0"), choices=["0", "1"], help="1: write a VCD (WAVES)"
    )
    return parser


def machine_of(options):
    """The machine that the options name."""
    return load_machine(options.machine, options.mesh or None)


def overrides(options) -> dict:
    """What the user fixed of the mapping."""
    fixed: dict = {}
    if options.group:
        fixed["group"] = options.group
    for name in ("rows", "columns"):
        if text := getattr(options, name):
            fixed[name] = positive(name.upper(), text, least=1)
    return fixed


def main(run: Callable[[], int]) -> None:
    """Call `run` and exit with its status; a `UserError` becomes one line and status 2."""
    try:
        status = run()
    except UserError as error:
        print(f"flatmesh: {error}", file=sys.stderr)
        status = 2
    except KeyboardInterrupt:
        print("flatmesh: interrupted", file=sys.stderr)
        status = 130
    sys.exit(status)
