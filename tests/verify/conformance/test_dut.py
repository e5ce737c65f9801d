"""A design under test is refused with one line that says what is wrong with its ports."""

from pathlib import Path

import pytest

from isa.errors import UserError
from isa.machine import MACHINES
from verify.conformance.dut import DutPort, ports_of, read_dut

TINY = MACHINES["tiny"]
PORTS = ports_of(TINY, "tile")


def stub(**changes: DutPort | None) -> str:
    """A tile without an inside; a change is a port to put in, or None to leave it out."""
    ports = {name: port for name, port in (PORTS | changes).items() if port}
    lines = ", ".join(
        f"{port.direction.lower()} wire [{port.bits - 1}:0] {name}" for name, port in ports.items()
    )
    return f"module tile({lines});\nendmodule\n"


def refused(path: Path, text: str) -> str:
    path.write_text(text)
    with pytest.raises(UserError) as caught:
        read_dut(path, TINY)
    assert "\n" not in str(caught.value) and str(caught.value).startswith(f"DUT {path}: ")
    return str(caught.value).removeprefix(f"DUT {path}: ")


def test_our_ports_are_accepted(tmp_path):
    path = tmp_path / "mine.v"
    path.write_text(stub(more=DutPort("OUTPUT", 3)))
    assert read_dut(path, TINY).module == "tile"


def test_ports_by_parameters_and_structs_have_their_width(tmp_path):
    text = stub(x=None, view=None)
    view = PORTS["view"].bits
    more = f"input logic [W-1:0] x, output struct packed {{logic a; logic [{view - 2}:0] b;}} view"
    path = tmp_path / "mine.sv"
    path.write_text(text.replace("module tile(", f"module tile #(parameter W = 6) ({more}, "))
    assert read_dut(path, TINY).module == "tile"


@pytest.mark.parametrize(
    ("change", "line"),
    [
        ({"boot_x": None}, "module tile lacks the port boot_x (input of 6 bits)"),
        (
            {"x": None, "y": None},
            "module tile lacks the ports x (input of 6 bits), y (input of 6 bits)",
        ),
        (
            {"boot_x": DutPort("INPUT", 7)},
            "port boot_x of module tile must be an input of 6 bits, it is an input of 7 bits",
        ),
        (
            {"done": DutPort("INPUT", 1)},
            "port done of module tile must be an output of 1 bit, it is an input of 1 bit",
        ),
        (
            {"mode": DutPort("INPUT", 2)},
            "module tile has an input mode that nothing drives: ours has none",
        ),
    ],
)
def test_wrong_ports(tmp_path, change, line):
    assert refused(tmp_path / "mine.v", stub(**change)) == line


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("hello", "must hold a module tile or mesh, it has none, and no other"),
        ("module foo; endmodule", "must hold a module tile or mesh, it has none, only foo"),
        (
            "module tile(input clk; endmodule",
            "Verilator does not accept it: line 1:22: syntax error",
        ),
    ],
)
def test_no_design(tmp_path, text, line):
    assert refused(tmp_path / "mine.v", text).startswith(line)


def test_no_file(tmp_path):
    with pytest.raises(UserError, match="No such file or directory"):
        read_dut(tmp_path / "none.v", TINY)
