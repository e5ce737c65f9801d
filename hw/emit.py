"""Verilog emission: one component, one module, readable ports."""

import os

from amaranth.back import verilog

__all__ = ["emit", "port_names"]


def emit(component, name: str) -> str:
    """Verilog text of a `wiring.Component`, its top module called `name`, its submodules `name.path`.

    Ports keep the names of the component's members, nested members joined by ``__``, plus ``clk`` and ``rst``.
    """
    os.environ.setdefault("AMARANTH_USE_YOSYS", "builtin")
    return verilog.convert(component, name=name, emit_src=False, strip_internal_attrs=True)


def port_names(component) -> list[str]:
    """Names of the ports that `emit` gives the component, without ``clk`` and ``rst``."""
    return ["__".join(map(str, path)) for path, _, _ in component.signature.flatten(component)]
