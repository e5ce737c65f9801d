"""The variables of the make targets as command-line options, with the environment as default."""

import argparse
import os
import re
import sys

from isa.errors import UserError
from isa.machine import Machine, load_machine
from programs.tensors import Tensors, converted, load_workload
from scripts.targets import TARGETS
from scripts.variables import VARIABLES
from tb.campaign import trial
from tb.campaign.trial import MOST_STALL, back_pressure
from tb.mesh import Settings
from tb.tasks import Workers

__all__ = ["machine_of", "overrides", "positive", "settings_of", "target_parser", "tensors_of"]
__all__ += ["parser_of", "workers_of"]


def positive(name: str, text: str, *, least: int = 0, most: int | None = None) -> int:
    """A whole number from `least` up (to `most`), or one clear line."""
    value = int(text) if re.fullmatch("[0-9]{1,18}", text) else -1
    if value < least or (most is not None and value > most):
        limit = "up" if most is None else f"to {most}"
        raise UserError(f"{name} must be a whole number from {least} {limit}, not {text!r}")
    return value


def parser_of(description: str, *names: str, **defaults: str) -> argparse.ArgumentParser:
    """A parser with an option for each variable; `defaults` are other ones than `VARIABLES` has.

    Raises
    ------
    UserError
        If a variable of the environment is none of its few values.
    """
    parser = argparse.ArgumentParser(
        description=description, formatter_class=argparse.ArgumentDefaultsHelpFormatter
    )
    for variable in map(VARIABLES.__getitem__, names):
        default = defaults.get(variable.name, variable.default)
        given = os.environ.get(variable.name) or default
        if variable.choices and given not in variable.choices:
            raise UserError(
                f"{variable.name} must be one of {', '.join(variable.choices)}, not {given!r}"
            )
        parser.add_argument(
            variable.option,
            dest=variable.attribute,
            default=given,
            choices=variable.choices or None,
            help=f"{variable.text} ({variable.name})",
        )
    return parser


def target_parser(target: str, description: str) -> argparse.ArgumentParser:
    """A parser with the options of a make target, with its defaults."""
    reads = TARGETS[target]
    return parser_of(description, *reads.names, **reads.defaults)


def machine_of(options) -> Machine:
    """The machine that the options name."""
    return load_machine(options.machine, getattr(options, "mesh", None) or None)


def settings_of(options, **more) -> Settings:
    """Back-pressure, and where they can be chosen the PE array and any size, as the options say."""
    stall = positive("STALL", options.stall, most=MOST_STALL)
    more |= {"any_size": options.anysize == "1"} if "anysize" in options else {}
    more |= {"array": options.array} if "array" in options else {}
    return back_pressure(stall, positive("SEED", options.seed), **more)


def overrides(options) -> dict:
    """What the user fixed of the mapping."""
    return trial.overrides(options.group, options.slice)


def tensors_of(options, workload: str = "", *, quiet: bool = False) -> Tensors:
    """The workload with its tensors, or `workload` in its place. Says on stderr if a file has them
    in another format, unless `quiet`.
    """
    spec, seed = workload or options.workload, positive("SEED", options.seed)
    tensors = load_workload(spec, options.dtype, seed, options.ptype, options.otype)
    dtype = tensors.dtypes["dtype"]
    if not quiet and (said := converted(tensors.file_formats, dtype)):
        print(f"{spec}: inputs in {dtype}, {said}", file=sys.stderr)
    return tensors


def workers_of(options) -> Workers:
    """Who does the work. An address that is none is refused here, whether it is needed or not."""
    address = options.scheduler
    if address and not re.fullmatch(r"[a-z]+://[^\s/:]+:[0-9]{1,5}", address):
        raise UserError(f"SCHEDULER must be tcp://HOST:PORT, not {address!r}")
    return Workers(positive("JOBS", options.jobs, least=1), address)
