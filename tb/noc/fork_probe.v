// Bound into every fork: counts, by branch set and by the branches that took the flit in a cycle in which all were still waiting
// for it, how often that was seen.
// Writes FOLDER/forks_<scope>.txt lines "mask taken count" at the end, for +traffic=FOLDER.
module noc_fork_probe (input clk, input rst, input valid, input [4:0] mask, input [4:0] pending, input [4:0] taken);
    reg [31:0] seen[0:1023];
    integer index, file;
    string folder;

    initial for (index = 0; index < 1024; index = index + 1) seen[index] = 0;
    always @(posedge clk) if (valid && !rst && pending == mask) seen[{mask, taken}] <= seen[{mask, taken}] + 1;

    final if ($value$plusargs("traffic=%s", folder)) begin
        file = $fopen($sformatf("%s/forks_%m.txt", folder), "w");
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
