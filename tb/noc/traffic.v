// Ends of a network under test: each plays flits from a file, or logs those that arrive, without a testbench's help.
// Folder of the files: +traffic=FOLDER. Words of a record are 32 bits.

// Plays FOLDER/source_<index>.bin: records of a birth (cycle of the run) and a flit. A flit is offered from its birth on, in the
// order of the file, until it is taken: the file is an unbounded source queue. A birth of all ones ends a run. The cycles in
// which flits are taken are logged in FOLDER/entered_<index>.bin.
module noc_source #(parameter WIDTH = 32) (
    input clk, input rst, input go,
    input [15:0] index, input [31:0] age, input [31:0] cycle,
    output valid, input ready, output reg [WIDTH - 1:0] flit,
    output active, output taken
);
    localparam WORDS = (WIDTH + 31) / 32;
    localparam END = 32'hffffffff;
    integer file, log, count;
    string folder;
    reg [32 * WORDS + 31:0] record;
    reg [31:0] birth;

    task next;
        begin
            record = 0;
            count = file == 0 ? 0 : $fread(record, file);
            if (count == 0) record[32 * WORDS +: 32] = END;
        end
    endtask

    initial begin
        birth = END;
        flit = 0;
        file = 0;
        if ($value$plusargs("traffic=%s", folder)) begin
            file = $fopen($sformatf("%s/source_%0d.bin", folder, index), "rb");
            if (file != 0) log = $fopen($sformatf("%s/entered_%0d.bin", folder, index), "wb");
        end
    end

    assign active = birth != END;
    assign valid = active && birth <= age && !rst;
    assign taken = valid && ready;

    always @(posedge clk)
        if (rst) begin
            // What a run that hung has not sent is skipped.
            record[32 * WORDS +: 32] = birth;
            while (record[32 * WORDS +: 32] != END) next;
            birth <= END;
        end else if (go || taken) begin
            next;
            birth <= record[32 * WORDS +: 32];
            flit <= record[WIDTH - 1:0];
            if (taken) $fwrite(log, "%u", cycle);
        end
endmodule

// Takes flits, in each cycle with probability 1 - stall / 2^16, always while `eager`, and logs cycle and flit in
// FOLDER/sink_<index>.bin. `broken` stays 1 once an offer was changed or taken back.
module noc_sink #(parameter WIDTH = 32) (
    input clk, input rst,
    input [15:0] index, input [31:0] cycle, input [31:0] seed, input [16:0] stall, input eager,
    input valid, output ready, input [WIDTH - 1:0] flit,
    output taken, output reg broken
);
    localparam WORDS = (WIDTH + 31) / 32;
    integer file;
    string folder;
    reg [31:0] random;
    reg willing, waiting;
    reg [WIDTH - 1:0] offered;
    wire [32 * WORDS - 1:0] padded = flit;

    initial begin
        broken = 0;
        waiting = 0;
        file = 0;
        willing = 0;
        random = 0;
        if ($value$plusargs("traffic=%s", folder)) file = $fopen($sformatf("%s/sink_%0d.bin", folder, index), "wb");
    end

    function [31:0] xorshift(input [31:0] from);
        begin
            xorshift = from ^ (from << 13);
            xorshift = xorshift ^ (xorshift >> 17);
            xorshift = xorshift ^ (xorshift << 5);
        end
    endfunction

    assign ready = (willing || eager) && !rst;
    assign taken = valid && ready;

    always @(posedge clk) begin
        if (rst) random <= {seed[15:0], index} * 32'd2654435761 | 1;
        else random <= xorshift(random);
        willing <= {1'b0, random[23:8]} >= stall;
        waiting <= valid && !ready && !rst;
        if (valid && !ready) offered <= flit;
        if (!rst && waiting && !(valid && flit == offered)) broken <= 1;
        if (taken && file != 0) $fwrite(file, "%u", {padded, cycle});
    end
endmodule

// Counts and decides: the cycle since power-up, the age of the run, what was sent and arrived, and when a run is over:
// done when everything was sent, `expected` flits have arrived and `drain` cycles were quiet (sinks being eager meanwhile), or at
// age `limit`; hung when nothing was sent or arrived for `patience` cycles before that. `alarm` is the age at which a router first
// reported a mismatch, all ones if none did.
module noc_referee #(parameter ENDS = 1) (
    input clk, input rst, input go,
    input [31:0] expected, input [31:0] drain, input [31:0] patience, input [31:0] limit,
    input [ENDS - 1:0] active, input [ENDS - 1:0] entering, input [ENDS - 1:0] leaving, input alarming,
    output reg [31:0] cycle, output reg [31:0] age, output reg [31:0] entered, output reg [31:0] arrived,
    output reg [31:0] moved, output reg [31:0] alarm, output eager, output reg done, output reg hung,
    output over
);
    reg running;
    initial begin cycle = 0; running = 0; end
    assign over = done || hung;
    assign eager = running && active == 0 && arrived >= expected;

    always @(posedge clk) begin
        cycle <= cycle + 1;
        if (rst) begin
            {running, done, hung} <= 0;
            {age, entered, arrived, moved} <= 0;
            alarm <= 32'hffffffff;
        end else if (go) running <= 1;
        else if (running) begin
            age <= age + 1;
            entered <= entered + $countones(entering);
            arrived <= arrived + $countones(leaving);
            if (entering != 0 || leaving != 0) moved <= age;
            if (alarming && alarm == 32'hffffffff) alarm <= age;
            if (age == limit || eager && age - moved > drain) {running, done} <= 2'b01;
            else if (age - moved > patience) {running, hung} <= 2'b01;
        end
    end
endmodule
