// HBM cells of one channel, for simulation only: one read and one write a cycle, read data one cycle after its address.
// At start: $readmemh of <hbm_dir>/hbm_<INDEX>.hex. At a rising edge of `dump`: $writememh of words [dump_from, dump_to]
// to <hbm_dir>/out_<INDEX>.hex, both given as +hbm_dir=, +dump_from=, +dump_to= (+dump_to omitted: nothing is written).
module hbm_memory #(
    parameter INDEX = 0,
    parameter WORDS = 1024,
    parameter ADDRESS_BITS = 10,
    parameter WORD_BITS = 128
) (
    input  wire                    clk,
    input  wire                    dump,
    input  wire                    read_enable,
    input  wire [ADDRESS_BITS-1:0] read_address,
    output reg  [WORD_BITS-1:0]    read_data,
    input  wire                    write_enable,
    input  wire [ADDRESS_BITS-1:0] write_address,
    input  wire [WORD_BITS-1:0]    write_data
);
    reg [WORD_BITS-1:0] cells[0:WORDS-1];
    string directory;
    integer from_word, to_word;
    reg dumped;

    initial begin
        dumped = 1'b0;
        if ($value$plusargs("hbm_dir=%s", directory)) $readmemh($sformatf("%s/hbm_%0d.hex", directory, INDEX), cells);
    end

    always @(posedge clk) begin
        if (read_enable) read_data <= cells[read_address];
        if (write_enable) cells[write_address] <= write_data;
        if (dump && !dumped) begin
            dumped <= 1'b1;
            if ($value$plusargs("dump_from=%d", from_word) && $value$plusargs("dump_to=%d", to_word))
                $writememh($sformatf("%s/out_%0d.hex", directory, INDEX), cells, from_word, to_word);
        end
    end
endmodule
