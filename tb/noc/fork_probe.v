// Bound into every fork: counts, by branch set and by the branches that took the flit in a cycle in which all were still waiting
// for it, how often that was seen.
// And in how many resets there was a flit at the fork: a run had left it behind.
// Writes FOLDER/forks_<scope>.txt at the end, for +traffic=FOLDER: "left <resets>", then lines "mask taken count".
module noc_fork_probe (input clk, input rst, input valid, input [4:0] mask, input [4:0] pending, input [4:0] taken);
    reg [31:0] seen[0:1023];
    reg [31:0] left;
    reg reset;
    integer index, file;
    string folder;

    initial begin
        for (index = 0; index < 1024; index = index + 1) seen[index] = 0;
        left = 0;
        reset = 1;
    end
    always @(posedge clk) begin
        reset <= rst;
        if (rst && !reset && valid) left <= left + 1;
        if (valid && !rst && pending == mask) seen[{mask, taken}] <= seen[{mask, taken}] + 1;
    end

    final if ($value$plusargs("traffic=%s", folder)) begin
        file = $fopen($sformatf("%s/forks_%m.txt", folder), "w");
        $fwrite(file, "left %0d\n", left);
        for (index = 0; index < 1024; index = index + 1)
            if (seen[index] != 0) $fwrite(file, "%0d %0d %0d\n", index / 32, index % 32, seen[index]);
        $fclose(file);
    end
endmodule

bind \router.fork_local noc_fork_probe probe (.clk(clk), .rst(rst), .valid(valid), .mask(mask), .pending(pending), .taken(taken));
bind \router.fork_west noc_fork_probe probe (.clk(clk), .rst(rst), .valid(valid), .mask(mask), .pending(pending), .taken(taken));
bind \router.fork_east noc_fork_probe probe (.clk(clk), .rst(rst), .valid(valid), .mask(mask), .pending(pending), .taken(taken));
bind \router.fork_south noc_fork_probe probe (.clk(clk), .rst(rst), .valid(valid), .mask(mask), .pending(pending), .taken(taken));
bind \router.fork_north noc_fork_probe probe (.clk(clk), .rst(rst), .valid(valid), .mask(mask), .pending(pending), .taken(taken));
