"""The tiles of a mesh as a C++ model: one compiled tile, placed as an object wherever the machine
has one.

A Verilog module ``tiles`` stands in for `hw.mesh.tiles.TileArray`. At each falling clock edge it
calls ``native_tiles.cpp``, which hands back what the tiles show, copies every link's two ends, and
takes all tiles through their next rising edge. What a tile shows depends on registers only, so
sampling it half a cycle early changes no cycle (see `hw.sim.transport.Transport`). A simulator
that compiled tiles and mesh together would look at each tile's inputs several times a cycle.
"""

from amaranth import ClockSignal, Instance, Module, ResetSignal, Value
from amaranth.lib import wiring
from amaranth.lib.wiring import In

from hw.layouts import SHAPE, data_flit, request_flit, shape_of
from hw.mesh.signature import array_signature
from hw.sim.ports import port_declarations
from hw.tile.ports import VIEW
from isa.instructions import EdgePort
from isa.machine import Machine
from isa.packets import FlitKind
from isa.status import Event

__all__ = ["NativeTiles", "native_header", "native_verilog"]


class NativeTiles(wiring.Component):
    """The module ``tiles`` in the place of a `TileArray` without waves.

    Parameters
    ----------
    machine, events
        See `hw.mesh.tiles.TileArray`.
    """

    def __init__(self, *, machine: Machine, events: bool = False):
        super().__init__(array_signature(machine, events=events))

    def elaborate(self, platform):
        m = Module()
        ports = [("i", "clk", ClockSignal()), ("i", "rst", ResetSignal())]
        for path, member, value in self.signature.flatten(self):
            direction = "i" if member.flow == In else "o"
            ports.append((direction, "__".join(map(str, path)), Value.cast(value)))
        m.submodules.tiles = Instance("tiles", *ports)
        return m


def _padded(bits: int) -> int:
    """Bits of whole 32-bit words."""
    return -(-bits // 32) * 32


def native_verilog(machine: Machine, *, events: bool = False) -> str:
    """Verilog of the module ``tiles``: its ports, and the call into C++."""
    signature = array_signature(machine, events=events)
    ports = port_declarations(signature)
    channels = range(len(machine.channels))
    request, data = request_flit(machine.tile).size, data_flit(machine.tile).size
    bits, requests, words = _padded(len(channels)), _padded(request), _padded(data)
    logged = machine.mesh.tiles * len(Event) if events else 1
    wires = []
    for c in channels:
        wires += [
            f"assign request_ready[{c}] = request__{c}__ready[0];",
            f"assign data_valid[{c}] = data__{c}__valid[0];",
            f"assign data_payload[{c * words} +: {words}] = {{{words - data}'d0, "
            f"data__{c}__payload}};"
            if words > data
            else f"assign data_payload[{c * words} +: {words}] = data__{c}__payload;",
            f"assign request__{c}__valid = request_valid[{c}];",
            f"assign request__{c}__payload = request_payload[{c * requests} +: {request}];",
            f"assign data__{c}__ready = data_ready[{c}];",
        ]
    if events:
        wires += ["assign event_valid = events;", "assign event_tags = tags;"]
    return _VERILOG.format(
        ports=",\n    ".join(ports),
        bits=bits - 1,
        unused=f"assign request_ready[{bits - 1}:{len(channels)}] = 0;\n    "
        f"assign data_valid[{bits - 1}:{len(channels)}] = 0;"
        if bits > len(channels)
        else "",
        requests=len(channels) * requests - 1,
        words=len(channels) * words - 1,
        wires="\n    ".join(wires),
        kinds=_padded(logged) - 1,
        tags=_padded(8 * logged) - 1,
    )


_VERILOG = """// All tiles of a mesh, simulated by native_tiles.cpp; see hw/sim/native.py.
module tiles (
    {ports}
);
    import "DPI-C" function void flatmesh_tiles(
        input int control, input int address, input int image_words,
        input int rate, input int seed, input int target, input int index,
        input bit [{bits}:0] request_ready, input bit [{bits}:0] data_valid,
        input bit [{words}:0] data_payload,
        output int status, output int probe,
        output bit [{bits}:0] request_valid, output bit [{bits}:0] data_ready,
        output bit [{requests}:0] request_payload,
        output bit [{kinds}:0] events, output bit [{tags}:0] tags);
    import "DPI-C" function void flatmesh_tiles_begin();
    import "DPI-C" function void flatmesh_tiles_end();

    wire [{bits}:0] request_ready, data_valid;
    wire [{words}:0] data_payload;
    int status = 0, probe = 0;
    bit [{bits}:0] request_valid = 0, data_ready = 0;
    bit [{requests}:0] request_payload = 0;
    bit [{kinds}:0] events = 0;
    bit [{tags}:0] tags = 0;

    {unused}
    {wires}
    assign {{error, alive, done, booted}} = status[3:0];
    assign probe_data = probe;

    always @(negedge clk)
        flatmesh_tiles(
            {{28'd0, expired, stop, run, rst}}, {{4'd0, boot_address}}, {{16'd0, boot_words}},
            {{24'd0, stall_rate}}, {{16'd0, stall_seed}}, {{18'd0, probe_target}}, \
{{24'd0, probe_index}},
            request_ready, data_valid, data_payload,
            status, probe, request_valid, data_ready, request_payload, events, tags);
    initial flatmesh_tiles_begin();
    final flatmesh_tiles_end();
endmodule
"""


def native_header(machine: Machine, *, events: bool = False) -> str:
    """C++ header ``placement.h``: where tiles and channels are, and where each tile boots from."""
    mesh, channels = machine.mesh, machine.channels
    boots = []
    for y in range(mesh.rows):
        for x in range(mesh.columns):
            turn, index = divmod(machine.tile_index(x, y), len(channels))
            source = channels[index]
            edge = EdgePort[source.edge.upper()].value
            boots.append(f"{{{source.x}, {source.y}, {edge}, {turn}}}")
    places = [
        f"{{{machine.tile_index(c.x, c.y)}, {EdgePort[c.edge.upper()].value}}}" for c in channels
    ]
    shape = SHAPE.const(shape_of(machine)).as_value().value
    event = VIEW["events"].shape.elem_shape
    flit = data_flit(machine.tile)
    fields = ("x0", "y0", "x1", "y1", "kind", "addr")
    return _HEADER.format(
        columns=mesh.columns,
        rows=mesh.rows,
        boots=", ".join(boots),
        places=", ".join(places),
        shape=", ".join(f"{shape >> at & 0xFFFFFFFF:#x}" for at in range(0, SHAPE.size, 32)),
        events=int(events),
        kinds=len(Event),
        stride=event.size,
        offset=VIEW["events"].offset,
        valid=event["valid"].offset,
        tag=event["tag"].offset,
        word_bytes=machine.tile.word_bytes,
        fields=", ".join(str(flit[name].offset) for name in fields),
        program=int(FlitKind.PROGRAM),
    )


_HEADER = """// Made by hw/sim/native.py for one mesh.
constexpr int COLUMNS = {columns}, ROWS = {rows};
struct Boot {{ int x, y, edge, turn; }};
constexpr Boot BOOT[] = {{{boots}}};
struct Place {{ int tile, port; }};
constexpr Place CHANNEL[] = {{{places}}};
// The port `mesh` of every tile.
constexpr uint32_t SHAPE[] = {{{shape}}};
constexpr bool EVENTS = {events};
// Bits of the port `view` of a tile.
constexpr int KINDS = {kinds}, EVENT_OFFSET = {offset}, EVENT_STRIDE = {stride}, \
VALID = {valid}, TAG = {tag};
// Data flits: bytes of the word they begin with; where x0, y0, x1, y1, kind and addr are; the
// kind of a word of a program.
constexpr int WORD_BYTES = {word_bytes}, FLIT_FIELD[] = {{{fields}}}, PROGRAM_KIND = {program};
"""
