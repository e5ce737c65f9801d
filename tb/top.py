"""The top of a simulation: the mesh with its inputs sampled."""

import re

__all__ = ["sampled"]


def sampled(text: str) -> str:
    """Verilog of a module ``mesh`` around the module ``mesh`` of `text`, which gets each input but
    its clock one cycle later.

    A testbench may write an input at any time, so a simulator computes whatever depends on one as
    often as it looks: with a reset, the next state of every channel, four times a cycle.
    """
    head = text[text.index("module mesh(") :]
    head = head[: head.index("endmodule")]
    ports = re.findall(r"^  (input|output) (?:(\[[\d:]+\]) )?(\w+);$", head, re.MULTILINE)
    declared = ", ".join(f"{way} wire {bits} {name}" for way, bits, name in ports)
    held = [(bits, name) for way, bits, name in ports if way == "input" and name != "clk"]
    connected = [f".{name}({name}_held)" for _, name in held]
    connected += [f".{name}({name})" for way, _, name in ports if way == "output" or name == "clk"]
    return "\n".join(
        (
            text.replace("module mesh(", "module mesh_inside("),
            f"module mesh({declared});",
            *(f"  reg {bits} {name}_held = 0;" for bits, name in held),
            "  always @(posedge clk) begin",
            *(f"    {name}_held <= {name};" for _, name in held),
            "  end",
            f"  mesh_inside held({', '.join(connected)});",
            "endmodule\n",
        )
    )
