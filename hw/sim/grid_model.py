"""The PEs of the matrix engine as C++, at the same cycles and with the same bits.

A Verilog module with the ports of `hw.matrix.grid.PeGrid` hands them to ``grid_model.cpp`` at each
clock edge at which something happens. Behind it is one of two:

``rtl``
    The RTL, side by side: registers, memories and gates of `hw.matrix.pe.ProcessingElement` and
    `hw.matrix.factor.Factor`, as Amaranth emits them, for all copies at a time (`hw.sim.lanes`).
    What is written by hand is which factor goes to which PE.
``functional``
    A model: the host's floating point, and stages and accumulators by hand. Taken only where it is
    asked for by name.
"""

from pathlib import Path

from hw.matrix.factor import Factor
from hw.matrix.grid import PeGrid
from hw.matrix.pe import ProcessingElement
from hw.sim.lanes import lanes
from hw.sim.ports import port_declarations
from isa.formats import FORMATS
from isa.instructions import Format
from isa.machine import Tile

__all__ = ["MODELS", "TOLD_ALL", "grid_sources", "grid_verilog"]

MODELS = ("rtl", "functional")
"""What there is in place of the grid as Verilog."""


def grid_verilog(tile: Tile, module: str) -> str:
    """Verilog of a module with the ports of `hw.matrix.grid.PeGrid`, and its calls into C++."""
    grid = PeGrid(tile=tile)
    grid._MustUse__used = True  # only its ports are of interest
    rows, columns = tile.matrix_rows, tile.matrix_columns
    return _VERILOG.format(
        module=module,
        ports=",\n    ".join(port_declarations(grid.signature)),
        a=", ".join(f"a__{i}" for i in reversed(range(rows))),
        a_bits=16 * rows - 1,
        b=", ".join(f"b__{j}" for j in reversed(range(columns))),
        b_bits=16 * columns - 1,
        rows=rows - 1,
        data=32 * columns - 1,
    )


_VERILOG = """// PEs and the decoders of their factors: grid_model.cpp, see hw/sim/grid_model.py.
module {module} (
    {ports}
);
    import "DPI-C" function chandle flatmesh_grid_begin();
    import "DPI-C" function void flatmesh_grid_end(input chandle grid);
    import "DPI-C" function void flatmesh_grid_clock(
        input chandle grid, input int load, input int formats, input int valid, input int clear,
        input int entry, input int write_entry, input int read_entry, input int fill_entry,
        input bit [{a_bits}:0] a, input bit [{b_bits}:0] b,
        input bit [{rows}:0] read, input bit [{rows}:0] fill, input bit [{data}:0] fill_data);
    import "DPI-C" function void flatmesh_grid_show(
        input chandle grid, output bit [{data}:0] read_data);

    chandle grid;
    initial grid = flatmesh_grid_begin();
    final flatmesh_grid_end(grid);

    reg [{data}:0] shown = 0;
    bit [{data}:0] answer;
    assign read_data = shown;

    always @(posedge clk)
        if (load_a || load_b || valid != 0 || read != 0 || fill != 0) begin
            flatmesh_grid_clock(
                grid, int'({{load_b, load_a}}), int'({{fmt_b, fmt_a}}), int'(valid), int'(clear),
                int'(entry), int'(write_entry), int'(read_entry), int'(fill_entry),
                {{{a}}}, {{{b}}}, read, fill, fill_data);
            if (read != 0) begin
                flatmesh_grid_show(grid, answer);
                shown <= answer;
            end
        end
endmodule
"""


def grid_sources(tile: Tile, model: str) -> dict[str, str]:
    """File name to text of the C++ that the module of `grid_verilog` calls: one of `MODELS`."""
    folder = Path(__file__).parent
    entries = 2 * tile.column_groups
    files = {
        "grid_shape.h": _SHAPE.format(
            rows=tile.matrix_rows,
            columns=tile.matrix_columns,
            entries=entries,
            latency=tile.mac_latency,
            bf16=Format.BF16.value,
            e4m3=Format.E4M3.value,
            nan=FORMATS[Format.FP32].nan,
        ),
        "grid.h": (folder / f"{model}_grid.h").read_text(),
        "grid_model.cpp": (folder / "grid_model.cpp").read_text(),
    }
    if model == "rtl":
        pe = ProcessingElement(entries=entries, latency=tile.mac_latency)
        files["grid_lanes.h"] = "\n".join(
            (
                lanes(Factor(bias=0), "FactorsA", "ROWS", ("load", "fmt")),
                lanes(Factor(bias=126), "FactorsB", "COLUMNS", ("load", "fmt")),
                lanes(pe, "Pes", "ROWS * COLUMNS", TOLD_ALL),
            )
        )
    return files


TOLD_ALL = ("valid", "clear", "entry", "write_entry", "ask", "read_entry", "fill_entry")
"""What all PEs are told at a time."""
_SHAPE = """// Made by hw/sim/grid_model.py for one tile.
constexpr int ROWS = {rows}, COLUMNS = {columns}, ENTRIES = {entries}, LATENCY = {latency};
constexpr unsigned FORMAT_BF16 = {bf16}, FORMAT_E4M3 = {e4m3}, CANONICAL_NAN = {nan:#x};
"""
