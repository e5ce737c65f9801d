# An all-reduce: every tile gives a vector, every tile gets the sum, twice in a loop.
.mesh 2x1
.constant TURNS 2
.address X 0x10         # 8 FP32 of each tile: 2 words
.address SUM 0x20       # the sums, one after the other
.semaphore there 0      # the sum is there

.l1 0,0 X fp32 1 2 3 4 5 6 7 8
.l1 1,0 X fp32 10 20 30 40 50 60 70 80

.tile all
.queue out
loop imm=TURNS
  add_up: reduce local=X remote=SUM+r1 rows=1 words=2 rect=0,0:columns-1,rows-1 target=0,0 op=sum fmt=fp32 turn tag=1 bump sem=there
  sync wait=there:1
  add rd=r1 rs=r1 imm=2
end
halt

.expect l1 all SUM fp32 2x8 11 22 33 44 55 66 77 88 11 22 33 44 55 66 77 88
.show l1 1,0 SUM fp32 2x8
