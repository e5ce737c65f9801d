"""Verilog emission: one component, one module, readable ports."""

import os
import re

from amaranth import ClockSignal, Elaboratable, Instance, ResetSignal, Value
from amaranth.back import verilog
from amaranth.lib import wiring

__all__ = ["emit", "once", "port_names"]


_NEVER_RUN = re.compile(r"always @\*\n\s+\S[^=\n]*= \d+'[hbd]0*[1-9a-f][0-9a-f]*\s*;")
"""A block without inputs: nothing ever triggers it. Zeros do no harm, since everything starts as 0.
"""


def emit(component, name: str) -> str:
    """Verilog text of a `wiring.Component`, its top module called `name`, its submodules
    `name.path`, those that are emitted `once` after all others.

    Ports keep the names of the component's members, nested members joined by ``__``, plus ``clk``
    and ``rst``.

    Raises
    ------
    ValueError
        If some bits of a signal have a constant value other than 0 while others change: assign all
        of them together.
    """
    os.environ.setdefault("AMARANTH_USE_YOSYS", "builtin")
    emission = _Emission(name)
    text = emission.verilog(component, name)
    return "\n".join([text, *emission.modules.values()])


def once(platform, module: str, component: wiring.Component) -> Elaboratable:
    """What to place for one of several equal components: in Verilog an instance of `module`, whose
    text is emitted once, since emission costs more than anything else that is done with it; in a
    simulation the component itself.

    Components of a module must be equal, and must use nothing but their ports and the clock and
    reset of the domain ``sync``.

    Parameters
    ----------
    platform
        What ``elaborate`` was given.
    module
        Name of the module, without that of the top module, which comes before it.
    component
        The component, whose members are connected as those of any submodule.
    """
    if not isinstance(platform, _Emission):
        return component
    return platform.instance(f"{platform.name}.{module}", component)


class _Emission:
    """Amaranth's platform while Verilog is emitted: collects the text of what is emitted once."""

    def __init__(self, name: str):
        self.name = name
        self.modules: dict[str, str] = {}

    def verilog(self, component: wiring.Component, name: str) -> str:
        text = verilog.convert(
            component, platform=self, name=name, emit_src=False, strip_internal_attrs=True
        )
        if found := _NEVER_RUN.search(text):
            raise ValueError(
                f"{name}: part of a signal is constant, which simulators never assign: "
                f"{' '.join(found[0].split())}"
            )
        return text

    def instance(self, module: str, component: wiring.Component) -> Instance:
        if module not in self.modules:
            self.modules[module] = ""  # the place of its text: those within it come after it
            self.modules[module] = self.verilog(component, module)
        component._MustUse__used = True  # else Amaranth warns that nobody has elaborated it
        ports = [
            ("i", name, signal)
            for name, signal in (("clk", ClockSignal()), ("rst", ResetSignal()))
            if re.search(rf"^  input .*\b{name};$", self.modules[module], re.MULTILINE)
        ]
        for path, member, value in component.signature.flatten(component):
            direction = "i" if member.flow == wiring.In else "o"
            ports.append((direction, "__".join(map(str, path)), Value.cast(value)))
        return Instance(module, *ports)


def port_names(component: wiring.Component | wiring.Signature) -> list[str]:
    """Names of the ports that `emit` gives the component (or one of this signature), without
    ``clk`` and ``rst``.
    """
    signature = component if isinstance(component, wiring.Signature) else component.signature
    return ["__".join(map(str, path)) for path, _, _ in signature.flatten(signature.create())]
