"""The variables of the make targets as command-line options with the environment as default, and
how a command ends.
"""

import argparse
import os
import sys
from collections.abc import Callable

from isa.errors import UserError
from isa.machine import Machine, load_machine
from scripts.variables import VARIABLES
from tb.mesh import Settings

__all__ = ["COMMON", "CORES", "common_parser", "machine_of", "main", "overrides", "parser_of"]
__all__ += ["positive", "settings_of"]

CORES = str(os.cpu_count() or 1)
COMMON = (
    *("MACHINE", "MESH", "DATAFLOW", "WORKLOAD", "DTYPE", "PTYPE", "OTYPE", "SEED"),
    *("GROUP", "ROWS", "COLUMNS", "STALL", "WAVES"),
)
"""Variables of every target that runs a workload."""
_MOST_STALLS = 243  # of 256 cycles: with more, a run takes for ever


def positive(name: str, text: str, *, least: int = 0) -> int:
    """A whole number from `least` up, or one clear line."""
    try:
        value = int(text)
    except ValueError:
        value = least - 1
    if value < least:
        raise UserError(f"{name} must be a whole number from {least} up, not {text!r}")
    return value


def parser_of(description: str, *names: str, **defaults: str) -> argparse.ArgumentParser:
    """A parser with an option for each variable; `defaults` are other ones than `VARIABLES` has."""
    parser = argparse.ArgumentParser(
        description=description, formatter_class=argparse.ArgumentDefaultsHelpFormatter
    )
    for variable in map(VARIABLES.__getitem__, names):
        default = defaults.get(variable.name, variable.default)
        parser.add_argument(
            variable.option,
            dest=variable.attribute,
            default=os.environ.get(variable.name) or default,
            choices=variable.choices or None,
            help=f"{variable.text} ({variable.name})",
        )
    return parser


def common_parser(description: str, *names: str, **defaults: str) -> argparse.ArgumentParser:
    """A parser with the options of `COMMON`, and of what else is named."""
    return parser_of(description, *COMMON, *names, **defaults)


def machine_of(options) -> Machine:
    """The machine that the options name."""
    return load_machine(options.machine, options.mesh or None)


def settings_of(options, **more) -> Settings:
    """Back-pressure as the options say."""
    stall, seed = positive("STALL", options.stall), positive("SEED", options.seed)
    rate = min(stall * 256 // 100, _MOST_STALLS)
    return Settings(stall_rate=rate, stall_seed=seed & 0xFFFF, **more)


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
