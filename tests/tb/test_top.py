"""The top around the mesh: every port is there, and every input but the clock is one cycle late."""

from tb.top import sampled

MESH = """module mesh(clk, rst, rate, busy, words);
  wire unused;
  input clk;
  wire clk;
  input rst;
  input [7:0] rate;
  output busy;
  output [31:0] words;
endmodule
module other(data);
  input [3:0] data;
endmodule
"""


def test_inputs_are_sampled_and_outputs_are_not():
    inside, _, outside = sampled(MESH).rpartition("module mesh(")
    assert inside.replace("mesh_inside", "mesh") == MESH + "\n"
    declared, _, body = outside.partition(");")
    assert [port.split() for port in declared.split(", ")] == [
        ["input", "wire", "clk"],
        ["input", "wire", "rst"],
        ["input", "wire", "[7:0]", "rate"],
        ["output", "wire", "busy"],
        ["output", "wire", "[31:0]", "words"],
    ]
    for held in ("reg  rst_held = 0;", "reg [7:0] rate_held = 0;", "rate_held <= rate;"):
        assert held in body
    connected = "(.rst(rst_held), .rate(rate_held), .clk(clk), .busy(busy), .words(words));"
    assert f"mesh_inside held{connected}" in body
