"""Verilog emission: one component, one module, readable ports."""

import os

from amaranth.back import verilog
from amaranth.lib import wiring

__all__ = ["emit", "port_names"]


def emit(component, name: str) -> str:
    """Verilog text of a `wiring.Component`, its top module called `name`, its submodules `name.path`.

    Ports keep the names of the component's members, nested members joined by ``__``, plus ``clk`` and ``rst``.
    """
    os.environ.setdefault("AMARANTH_USE_YOSYS", "builtin")
    return verilog.convert(component, name=name, emit_src=False, strip_internal_attrs=True)


def port_names(component: wiring.Component | wiring.Signature) -> list[str]:
    """Names of the ports that `emit` gives the component (or one of this signature), without ``clk`` and ``rst``."""
    signature = component if isinstance(component, wiring.Signature) else component.signature
    return ["__".join(map(str, path)) for path, _, _ in signature.flatten(signature.create())]
