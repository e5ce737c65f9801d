"""The simulation model ``waves`` as Verilog: what `hw.sim.waves` places in a mesh."""

from amaranth.lib import data

from hw.memory.channel import OUTPUT_QUEUE
from hw.network.combine import in_flight
from hw.sim.waves import Scope, scopes
from hw.tile.inside import inside
from isa.machine import Machine

__all__ = ["waves_verilog"]


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
