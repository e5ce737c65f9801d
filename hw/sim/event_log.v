// Writes the events of all tiles to a text file, for simulation only: a line `cycle tile kind tag` for each bit of `valid`
// in a cycle with `on`. Bit and byte tile * KINDS + kind belong to that tile and kind (isa.status.Event).
// The file is given as +event_log=; without it nothing is written.
module event_log #(
    parameter TILES = 1,
    parameter KINDS = 1
) (
    input wire                     clk,
    input wire                     on,
    input wire [31:0]              cycle,
    input wire [TILES*KINDS-1:0]   valid,
    input wire [TILES*KINDS*8-1:0] tags
);
    string path;
    integer file, index;

    initial begin
        file = 0;
        if ($value$plusargs("event_log=%s", path)) file = $fopen(path, "w");
    end

    always @(posedge clk) begin
        if (file != 0 && on && |valid) begin
            for (index = 0; index < TILES * KINDS; index = index + 1) begin
                if (valid[index]) $fwrite(file, "%0d %0d %0d %0d\n", cycle, index / KINDS, index % KINDS, tags[index*8+:8]);
            end
        end
    end
endmodule
