"""What a waveform shows of a mesh: a simulation model ``waves`` that names and samples it, and
writes it to a VCD.

The VCD holds what this model holds and nothing else: links without their data, engines, semaphores,
stalls; grouped in scopes, so that it stays small and can be read by eye. Everything is sampled at
the rising clock edge: what the VCD shows while ``cycle`` is c is what was there at the end of cycle
c.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from amaranth import Cat, ClockSignal, Instance, Value
from amaranth.lib import data

from hw.memory.channel import OUTPUT_QUEUE
from hw.network.combine import in_flight
from hw.tile.inside import header, header_of, inside
from isa.geometry import STEP
from isa.instructions import EdgePort, Queue
from isa.machine import Machine
from isa.packets import FLITS, Port

__all__ = ["Scope", "add_waves", "scopes", "waves_verilog"]

_ENGINE_SIGNALS = {
    Queue.MATRIX: {
        "active": "matrix_active",
        "operand_stall": "matrix_operand_stall",
        "drain_stall": "matrix_drain_stall",
    },
    Queue.VECTOR: {"active": "vector_active"},
    Queue.LOAD: {},
    Queue.OUT: {"stall": "out_stall"},
}
"""Name in the scope of an engine to name in `hw.tile.ports.VIEW`."""


@dataclass(frozen=True)
class Scope:
    """Signals that belong together.

    Attributes
    ----------
    place
        The scope it is in: ``tile_X_Y``, or ``hbm_I_EDGE_X_Y`` for a channel.
    name
        ``data_west``, ``matrix``, ``sem`` and so on.
    fields
        Signal name to bits.
    held
        Signals that are only sampled in cycles in which the signal `gate` is 1.
    """

    place: str
    name: str
    fields: dict[str, int]
    gate: str = ""
    held: tuple[str, ...] = ()

    @property
    def port(self) -> str:
        """The port of the model by which it comes in."""
        return f"{self.place}__{self.name}"


def scopes(machine: Machine) -> Iterator[Scope]:
    """All scopes, in the order of the VCD."""
    for y in range(machine.mesh.rows):
        for x in range(machine.mesh.columns):
            yield from _tile_scopes(machine, x, y)
    for channel in machine.channels:
        yield _stream_scope(
            machine, f"hbm_{channel.index}_{channel.edge}_{channel.x}_{channel.y}", "data", "data"
        )


def _tile_scopes(machine: Machine, x: int, y: int) -> Iterator[Scope]:
    place, shown = f"tile_{x}_{y}", inside(machine.tile)
    for queue in Queue:
        name = queue.name.lower()
        command = {field: layout.width for field, layout in shown[f"inside_{name}"]}
        own = dict.fromkeys(_ENGINE_SIGNALS[queue], 1)
        held = tuple(field for field in command if field not in ("issue", "done"))
        yield Scope(
            place, name, {"state": 3, "pc": 16, "wait_sem": 5, **command, **own}, "issue", held
        )
    for network in FLITS:
        for port in _ports(machine, x, y, network):
            yield _stream_scope(machine, place, f"{network}_{port}", network)
    yield Scope(place, "l1", {"waits": 6})
    yield Scope(
        place,
        "sem",
        {f"s{index}": machine.tile.semaphore_bits for index in range(machine.tile.semaphores)},
    )
    yield Scope(place, "status", {"error": 1})


def _stream_scope(machine: Machine, place: str, name: str, network: str) -> Scope:
    fields = {field: layout.width for field, layout in header(network, machine.tile)}
    return Scope(place, name, {"valid": 1, "ready": 1, **fields}, "valid", tuple(fields))


def _ports(machine: Machine, x: int, y: int, network: str) -> list[str]:
    """Where flits leave the tile's router or enter it from the tile: those ports that lead
    somewhere.
    """
    local = ["inject"] if network == "request" else ["inject", "eject"]
    return local + [
        port.name.lower() for port in STEP if _leads_somewhere(machine, x, y, network, port)
    ]


def _leads_somewhere(machine: Machine, x: int, y: int, network: str, port: Port) -> bool:
    dx, dy = STEP[port]
    if 0 <= x + dx < machine.mesh.columns and 0 <= y + dy < machine.mesh.rows:
        return True
    return network == "request" and any(
        (c.x, c.y, c.edge) == (x, y, port.name.lower()) for c in machine.channels
    )


def add_waves(
    m, machine: Machine, tiles, channels, *, on, finished, cycle, hbm_latency, hbm_bytes_per_cycle
) -> None:
    """Place the model in a mesh.

    Parameters
    ----------
    tiles, channels
        Placed tiles by position, built with `waves`, and channel controllers in the machine's
        order.
    on
        1 from cycle 0 of the run on.
    finished
        1 once it is over.
    cycle
        Number of the cycle; stands still when the run is over.
    """
    values = {}
    for (x, y), tile in tiles.items():
        for scope in _tile_scopes(machine, x, y):
            values[scope.port] = _of_tile(machine, tile, scope)
    for scope, channel in zip(
        (s for s in scopes(machine) if s.name == "data"), channels, strict=True
    ):
        values[scope.port] = _of_stream(machine, "data", channel.data)
    m.submodules.waves = Instance(
        "waves",
        ("i", "clk", ClockSignal()),
        ("i", "on", on),
        ("i", "finished_now", finished),
        ("i", "cycle_now", cycle),
        ("i", "hbm_latency_now", hbm_latency),
        ("i", "hbm_bytes_per_cycle_now", hbm_bytes_per_cycle),
        *(("i", name, Cat(*fields.values())) for name, fields in values.items()),
    )


def _of_tile(machine: Machine, tile, scope: Scope) -> dict[str, Value]:
    """What comes in for a scope of a tile, in the order of its fields."""
    view, name = tile.view, scope.name
    if name == "sem":
        return {"added": Value.cast(tile.inside_added), "taken": Value.cast(tile.inside_taken)}
    if name == "status":
        return {"error": Value.cast(tile.error)}
    if name == "l1":
        return {"waits": tile.inside_l1.waits}
    if name.upper() in Queue.__members__:
        queue, port = Queue[name.upper()], getattr(tile, f"inside_{name}")
        states = {
            "state": view.queue_state[queue],
            "pc": view.queue_pc[queue],
            "wait_sem": view.wait_sem[queue],
        }
        own = {field: view[source] for field, source in _ENGINE_SIGNALS[queue].items()}
        return {**states, **{field: port[field] for field, _ in port.shape()}, **own}
    network, end = name.split("_")
    if end in ("inject", "eject"):
        port = getattr(tile, f"inside_{name}")
        return {
            "valid": port.valid,
            "ready": port.ready,
            **{field: port.header[field] for field, _ in port.header.shape()},
        }
    return _of_stream(machine, network, getattr(tile, f"{network}_o")[EdgePort[end.upper()]])


def _of_stream(machine: Machine, network: str, stream) -> dict[str, Value]:
    return {
        "valid": stream.valid,
        "ready": stream.ready,
        **header_of(network, machine.tile, stream.payload),
    }


def waves_verilog(machine: Machine) -> str:
    """Verilog of the model ``waves`` for a machine.

    ``+waves=FILE`` makes it write, from cycle ``+waves_from=N`` (0) to cycle ``+waves_to=N`` or the
    end of the run. In the last cycle it writes, ``last`` is 1, and ``finished`` if the run is over.
    """
    every = list(scopes(machine))
    ports = "".join(
        f",\n    input wire [{_input_bits(machine, scope) - 1}:0] {scope.port}" for scope in every
    )
    body = "".join(
        _place_text(machine, place, [s for s in every if s.place == place])
        for place in dict.fromkeys(s.place for s in every)
    )
    constants = {
        "columns": machine.mesh.columns,
        "rows": machine.mesh.rows,
        "word_bytes": machine.tile.word_bytes,
        "fifo_depth": machine.mesh.fifo_depth,
        "adder_stages": machine.mesh.adder_stages,
        "joins_in_flight": in_flight(machine.mesh.adder_stages),
        "channel_queue": OUTPUT_QUEUE,
        "semaphores": machine.tile.semaphores,
    }
    facts = "".join(
        f"        wire [15:0] {name} = 16'd{value};\n" for name, value in constants.items()
    )
    return _MODEL.format(ports=ports, facts=facts, body=body)


def _input_bits(machine: Machine, scope: Scope) -> int:
    if scope.name == "sem":
        shown = inside(machine.tile)
        return shown["inside_added"].size + shown["inside_taken"].size
    return sum(scope.fields.values())


def _place_text(machine: Machine, place: str, found: list[Scope]) -> str:
    inner = "".join(_scope_text(machine, scope) for scope in found)
    return f"    if (1) begin : {place}\n{inner}    end\n"


def _scope_text(machine: Machine, scope: Scope) -> str:
    # Names are escaped: some are words of the language.
    registers = "".join(
        f"            reg {_range(bits)}\\{name} = 0;\n" for name, bits in scope.fields.items()
    )
    if scope.name == "sem":
        assignments = _semaphore_text(machine, scope)
    else:
        at, always, gated, gate = 0, "", "", ""
        for name, bits in scope.fields.items():
            source = f"{scope.port}[{at + bits - 1}:{at}]"
            at += bits
            if name == scope.gate:
                gate = source
            if name in scope.held:
                gated += f"                    \\{name} <= {source};\n"
            else:
                always += f"                \\{name} <= {source};\n"
        assignments = always + (
            f"                if ({gate}) begin\n{gated}                end\n" if gated else ""
        )
    return (
        f"        if (1) begin : {scope.name}\n{registers}            always @(posedge clk) begin\n"
        f"{assignments}            end\n        end\n"
    )


def _range(bits: int) -> str:
    return f"[{bits - 1}:0] " if bits > 1 else ""


def _semaphore_text(machine: Machine, scope: Scope) -> str:
    """Each semaphore takes the count of the change that names it."""
    text, at = "", 0
    for name in ("inside_added", "inside_taken"):
        change: data.StructLayout = inside(machine.tile)[name]
        valid, sem, count = (
            f"{scope.port}[{at + field.offset + field.width - 1}:{at + field.offset}]"
            for _, field in change
        )
        cases = "".join(
            f"                    {index}: {field} <= {count};\n"
            for index, field in enumerate(scope.fields)
        )
        text += (
            f"                if ({valid}) case ({sem})\n{cases}                    default: ;\n"
            "                endcase\n"
        )
        at += change.size
    return text


_MODEL = """\
// Names and samples what a waveform of the mesh shows, and writes it to a VCD; for simulation only.
/*verilator tracing_off*/
module waves (
    /*verilator tracing_on*/
    input wire clk,
    /*verilator tracing_off*/
    input wire on,
    input wire finished_now,
    input wire [31:0] cycle_now,
    input wire [11:0] hbm_latency_now,
    input wire [7:0] hbm_bytes_per_cycle_now{ports}
);
    string path;
    reg writes = 0;
    reg [31:0] from = 0, to = 32'hffffffff;

    initial begin
        if ($value$plusargs("waves=%s", path)) writes = 1;
        if ($value$plusargs("waves_from=%d", from)) begin end
        if ($value$plusargs("waves_to=%d", to)) begin end
    end
    /*verilator tracing_on*/
    reg [31:0] cycle = 0;
    reg last = 0, finished = 0;

    always @(posedge clk) begin
        cycle <= cycle_now;
        finished <= finished_now;
        last <= on && (cycle_now == to || finished_now);
        if (writes && on && cycle_now == from && !finished_now) begin
            $dumpfile(path);
            $dumpvars(0, waves);
        end
        if (last) begin
`ifdef VERILATOR
            // $dumpoff does nothing here; this closes the file.
            $c("vlSymsp->_traceDumpClose();");
`else
            $dumpoff;
`endif
        end
    end

    if (1) begin : machine
{facts}        reg [11:0] hbm_latency = 0;
        reg [7:0] hbm_bytes_per_cycle = 0;
        always @(posedge clk) begin
            hbm_latency <= hbm_latency_now;
            hbm_bytes_per_cycle <= hbm_bytes_per_cycle_now;
        end
    end
{body}endmodule
"""
