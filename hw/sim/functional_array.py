"""The PE array as a functional model: the host's floating point in the place of its gates, at the
same cycles and with the same bits.

A simulation model, taken only where it is asked for by name. ``functional_array.cpp`` keeps the
accumulators and does the arithmetic; a Verilog module with the array's ports tells it what passes
through which stage, and calls it only in cycles in which something does.
"""

from hw.matrix.array import Array
from hw.sim.ports import port_declarations
from isa.formats import FORMATS
from isa.instructions import Format
from isa.machine import Tile

__all__ = ["functional_array_header", "functional_array_verilog"]


def functional_array_verilog(tile: Tile, module: str) -> str:
    """Verilog of a module with the ports of `hw.matrix.array.Array`, and its calls into C++."""
    array = Array(tile=tile)
    array._MustUse__used = True  # only its ports are of interest
    slot = array.signature.members["slot"].shape
    entry = slot["group"].width + 1
    bits = {name: f"slot[{slot[name].offset}]" for name in ("step", "clear", "final", "bank")}
    for name in ("group", "fmt_a", "fmt_b"):
        bits[name] = f"slot[{slot[name].offset} +: {slot[name].width}]"
    return _VERILOG.format(
        module=module,
        ports=",\n    ".join(port_declarations(array.signature)),
        a=", ".join(f"a__{i}" for i in reversed(range(tile.matrix_rows))),
        a_bits=16 * tile.matrix_rows - 1,
        b=", ".join(f"b__{j}" for j in reversed(range(tile.matrix_columns))),
        b_bits=16 * tile.matrix_columns - 1,
        data=32 * tile.matrix_columns - 1,
        last=1 + tile.mac_latency,
        entry=entry,
        **bits,
    )


_VERILOG = """// The PE array, simulated by functional_array.cpp; see hw/sim/functional_array.py.
module {module} (
    {ports}
);
    import "DPI-C" function chandle flatmesh_array_begin();
    import "DPI-C" function void flatmesh_array_end(input chandle array);
    import "DPI-C" function void flatmesh_array_reset(input chandle array);
    import "DPI-C" function void flatmesh_array_slot(
        input chandle array, input int passing, input int formats, input int entry,
        input int last_entry, input bit [{a_bits}:0] a, input bit [{b_bits}:0] b);
    import "DPI-C" function void flatmesh_array_fill(
        input chandle array, input int row, input int entry, input bit [{data}:0] data);
    import "DPI-C" function void flatmesh_array_read(
        input chandle array, input int row, input int entry, output bit [{data}:0] data);

    chandle array;
    initial array = flatmesh_array_begin();
    final flatmesh_array_end(array);

    // Stages of a slot: 0 decode, 1 multiply, 2 add, {last} write.
    reg [{last}:1] valid_at = 0, final_at = 0;
    reg [2:1] clear_at = 0;
    reg [{entry} * ({last} + 1) - 1:{entry}] entry_at = 0;
    reg finished_register = 0;
    reg [{data}:0] shown = 0;
    bit [{data}:0] answer;
    assign finished = finished_register;
    assign read_data = shown;

    always @(posedge clk) begin
        if (read) begin
            flatmesh_array_read(array, int'(read_row), int'(read_entry), answer);
            shown <= answer;
        end
        if (valid || valid_at != 0)
            flatmesh_array_slot(
                array,
                int'({{valid_at[{last}], clear_at[2], valid_at[2:1], valid, valid & {step}}}),
                int'({{{fmt_b}, {fmt_a}}}),
                int'(entry_at[2 * {entry} +: {entry}]), int'(entry_at[{last} * {entry} +: {entry}]),
                {{{a}}}, {{{b}}});
        if (fill) flatmesh_array_fill(array, int'(fill_row), int'(fill_entry), fill_data);
        if (rst) flatmesh_array_reset(array);
        valid_at <= rst ? 0 : {{valid_at[{last} - 1:1], valid}};
        final_at <= {{final_at[{last} - 1:1], {final}}};
        clear_at <= {{clear_at[1], {clear}}};
        entry_at <= {{entry_at[{entry} * {last} - 1:{entry}], {bank}, {group}}};
        finished_register <= ~rst & valid_at[{last}] & final_at[{last}];
    end
endmodule
"""


def functional_array_header(tile: Tile) -> str:
    """C++ header ``array_shape.h``."""
    return (
        "// Made by hw/sim/functional_array.py for one tile.\n"
        f"constexpr int ROWS = {tile.matrix_rows}, COLUMNS = {tile.matrix_columns}, "
        f"ENTRIES = {2 * tile.column_groups}, LATENCY = {tile.mac_latency};\n"
        f"constexpr unsigned FORMAT_BF16 = {Format.BF16.value}, FORMAT_E4M3 = "
        f"{Format.E4M3.value}, CANONICAL_NAN = {FORMATS[Format.FP32].nan:#x};\n"
    )
