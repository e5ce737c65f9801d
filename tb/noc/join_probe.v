// Placed in every reduction router: counts, by the inputs that were joined, those of them that had waited, operation and format,
// how often that was seen. OP and FORMAT are the positions of those fields in a flit.
// And in how many resets an input held a flit: a run had left it behind.
// Writes FOLDER/joins_<x>_<y>.txt at the end, for +traffic=FOLDER: "left <resets>", then lines "joined waited op format count".
module noc_join_probe #(parameter WIDTH = 1, OP = 0, FORMAT = 0) (
    input clk, input rst, input [5:0] x, input [5:0] y, input [4:0] valid, input [4:0] ready, input [WIDTH - 1:0] flit_0, input [WIDTH - 1:0] flit_1,
    input [WIDTH - 1:0] flit_2, input [WIDTH - 1:0] flit_3, input [WIDTH - 1:0] flit_4
);
    reg [31:0] seen[0:16383];
    reg [4:0] waited;
    reg [31:0] left;
    reg reset;
    wire [4:0] joined = valid & ready;
    wire [WIDTH - 1:0] flit = joined[0] ? flit_0 : joined[1] ? flit_1 : joined[2] ? flit_2 : joined[3] ? flit_3 : flit_4;
    integer index, file;
    string folder;

    initial begin
        for (index = 0; index < 16384; index = index + 1) seen[index] = 0;
        left = 0;
        reset = 1;
    end
    always @(posedge clk) begin
        reset <= rst;
        if (rst && !reset && valid != 0) left <= left + 1;
        waited <= rst ? 5'd0 : valid & ~ready;
        if (joined != 0 && !rst)
            seen[{joined, joined & waited, flit[OP], flit[FORMAT +: 3]}] <= seen[{joined, joined & waited, flit[OP], flit[FORMAT +: 3]}] + 1;
    end

    final if ($value$plusargs("traffic=%s", folder)) begin
        file = $fopen($sformatf("%s/joins_%0d_%0d.txt", folder, x, y), "w");
        $fwrite(file, "left %0d\n", left);
        for (index = 0; index < 16384; index = index + 1)
            if (seen[index] != 0)
                $fwrite(file, "%0d %0d %0d %0d %0d\n", index / 512, index / 16 % 32, index / 8 % 2, index % 8, seen[index]);
        $fclose(file);
    end
endmodule
