"""Verilog emission: one component, one module, readable ports."""

import os
import re

from amaranth.back import verilog
from amaranth.lib import wiring

__all__ = ["emit", "port_names"]


_NEVER_RUN = re.compile(r"always @\*\n\s+\S[^=\n]*= \d+'[hbd]0*[1-9a-f][0-9a-f]*\s*;")
"""A block without inputs: nothing ever triggers it. Zeros do no harm, since everything starts as 0.
"""


def emit(component, name: str) -> str:
    """Verilog text of a `wiring.Component`, its top module called `name`, its submodules
    `name.path`.

    Ports keep the names of the component's members, nested members joined by ``__``, plus ``clk``
    and ``rst``.

    Raises
    ------
    ValueError
        If some bits of a signal have a constant value other than 0 while others change: assign all
        of them together.
    """
    os.environ.setdefault("AMARANTH_USE_YOSYS", "builtin")
    text = verilog.convert(component, name=name, emit_src=False, strip_internal_attrs=True)
    if found := _NEVER_RUN.search(text):
        raise ValueError(
            f"{name}: part of a signal is constant, which simulators never assign: "
            f"{' '.join(found[0].split())}"
        )
    return text


def port_names(component: wiring.Component | wiring.Signature) -> list[str]:
    """Names of the ports that `emit` gives the component (or one of this signature), without
    ``clk`` and ``rst``.
    """
    signature = component if isinstance(component, wiring.Signature) else component.signature
    return ["__".join(map(str, path)) for path, _, _ in signature.flatten(signature.create())]
