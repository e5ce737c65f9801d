"""Ports of handwritten Verilog that stands in for a component."""

from amaranth import Value
from amaranth.lib import wiring
from amaranth.lib.wiring import In

__all__ = ["port_declarations"]


def port_declarations(signature: wiring.Signature) -> list[str]:
    """Ports of a module of this signature, as `hw.emit.emit` names them, with ``clk`` and
    ``rst``.
    """
    ports = ["input wire clk", "input wire rst"]
    for path, member, value in signature.flatten(signature.create()):
        kind = "input wire" if member.flow == In else "output wire"
        ports.append(f"{kind} [{len(Value.cast(value)) - 1}:0] {'__'.join(map(str, path))}")
    return ports
