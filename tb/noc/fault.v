// A link that can go wrong once: for the link whose number is `link`, by `kind`, after `skip` flits went by as they should.
// kind 1: a flit is dropped. 2: it comes twice. 3: it is overtaken by the next one, if the two agree in the bits of `same` (else the
// next pair is tried). 4: the bits of `flip` are inverted. Anything else: a wire. `fired` stays 1 once it has happened.
module noc_fault #(parameter WIDTH = 1) (
    input clk, input rst, input [15:0] index,
    input [15:0] link, input [2:0] kind, input [31:0] skip, input [WIDTH - 1:0] flip, input [WIDTH - 1:0] same,
    input in_valid, output in_ready, input [WIDTH - 1:0] in_flit,
    output out_valid, input out_ready, output [WIDTH - 1:0] out_flit,
    output reg fired
);
    localparam PASS = 0, DROP = 1, TWICE = 2, HOLD = 3, FLIP = 4, OVERTAKE = 5, GIVE_BACK = 6;
    localparam PATIENCE = 31;
    reg [31:0] passed;
    reg held, back;
    reg [4:0] waited;
    reg [WIDTH - 1:0] kept;

    wire armed = link == index && kind != 0 && !fired && passed >= skip;
    wire alike = in_valid && ((in_flit ^ kept) & same) == 0;
    wire [2:0] now = back ? GIVE_BACK : held ? (alike ? OVERTAKE : in_valid || waited == PATIENCE ? GIVE_BACK : HOLD)
                   : armed && in_valid ? kind : PASS;

    assign out_valid = now == GIVE_BACK || now != DROP && now != HOLD && in_valid;
    assign out_flit = now == GIVE_BACK ? kept : now == FLIP ? in_flit ^ flip : in_flit;
    assign in_ready = now == DROP || now == HOLD && !held || (now == PASS || now == FLIP || now == OVERTAKE) && out_ready;

    always @(posedge clk)
        if (rst) begin
            {passed, held, back, waited, fired} <= 0;
        end else begin
            if (in_valid && in_ready) passed <= passed + 1;
            if (now == DROP || (now == TWICE || now == FLIP) && out_ready) fired <= 1;
            if (now == HOLD && !held) {held, kept, waited} <= {1'b1, in_flit, 5'd0};
            if (now == HOLD && held) waited <= waited + 1;
            if (now == OVERTAKE && out_ready) {back, fired} <= 2'b11;
            // An offer stays: what is given back is not withdrawn if a flit comes meanwhile.
            if (now == GIVE_BACK) {held, back} <= out_ready ? 2'b00 : 2'b11;
        end
endmodule
