"""The PE array as a C++ model, at the same cycles and with the same bits.

``array_model.cpp`` keeps the accumulators; a Verilog module with the array's ports tells it what
passes through which stage, and calls it only in cycles in which something does. There are two:

``netlist``
    The arithmetic is that of the RTL, gate by gate: the netlists of `hw.matrix.factor.Factor` and
    `hw.float.mac.MultiplyAccumulate`, computed for all PEs side by side (`hw.sim.lanes`).
``functional``
    The arithmetic is the host's floating point: a model, taken only where it is asked for by name.
"""

from pathlib import Path

from hw.float.mac import MultiplyAccumulate
from hw.matrix.array import Array
from hw.matrix.factor import Factor
from hw.sim.lanes import lanes
from hw.sim.ports import port_declarations
from isa.formats import FORMATS
from isa.instructions import Format
from isa.machine import Tile

__all__ = ["MODELS", "array_sources", "array_verilog"]

MODELS = ("netlist", "functional")
"""What there is in place of the array as Verilog."""


def array_verilog(tile: Tile, module: str) -> str:
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


_VERILOG = """// The PE array, simulated by array_model.cpp; see hw/sim/array_model.py.
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

    // Stages of a slot: 0 decode, 1 multiply, 2 add, 3 round, {last} write.
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
                int'({{valid_at[{last}], clear_at[2], valid_at[3:1], valid, valid & {step}}}),
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


def array_sources(tile: Tile, model: str) -> dict[str, str]:
    """File name to text of the C++ that the module of `array_verilog` calls: one of `MODELS`."""
    folder = Path(__file__).parent
    files = {
        "array_shape.h": _SHAPE.format(
            rows=tile.matrix_rows,
            columns=tile.matrix_columns,
            entries=2 * tile.column_groups,
            latency=tile.mac_latency,
            bf16=Format.BF16.value,
            e4m3=Format.E4M3.value,
            nan=FORMATS[Format.FP32].nan,
        ),
        "array_arithmetic.h": (folder / f"{model}_array.h").read_text(),
        "array_model.cpp": (folder / "array_model.cpp").read_text(),
    }
    if model == "netlist":
        files["array_lanes.h"] = "\n".join(
            (
                lanes(Factor(bias=0), "FactorsA", "ROWS", ("load", "fmt")),
                lanes(Factor(bias=126), "FactorsB", "COLUMNS", ("load", "fmt")),
                lanes(MultiplyAccumulate(), "Pes", "ROWS * COLUMNS", ("multiply", "add", "round")),
            )
        )
    return files


_SHAPE = """// Made by hw/sim/array_model.py for one tile.
constexpr int ROWS = {rows}, COLUMNS = {columns}, ENTRIES = {entries}, LATENCY = {latency};
constexpr unsigned FORMAT_BF16 = {bf16}, FORMAT_E4M3 = {e4m3}, CANONICAL_NAN = {nan:#x};
// Which stages a slot is in, and whether the one that is added starts from 0.
struct Stages {{ bool multiply, add, round, clear; }};
"""
