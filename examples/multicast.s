# One HBM read, multicast to all tiles; each multiplies it with a matrix of its own.
.mesh 2x1
.address A 0x0          # 16x16 FP16 in every tile, from HBM
.address B 0x100        # 16x16 FP16, of each tile
.address C 0x200        # 16x16 FP32 = A B
.semaphore full 0       # A is there
.tag A_tag 1

.hbm west@0,0 0 fp16 16x16 random 1
.l1 0,0 B fp16 16x16 fill 0
.l1 0,0 B fp16 16x1 pitch=2 fill 1      # the first column is 1: C has the sums of A's rows
.l1 1,0 B fp16 16x16 random 2

.tile 0,0
.queue load
read: load local=A local_pitch=2 remote=0 remote_pitch=2 rows=16 words=2 rect=0,0:columns-1,rows-1 target=0,0 edge=west bump sem=full tag=A_tag
halt

.tile all
.queue matrix
multiply: matmul a=A lda=2 b=B ldb=2 c=C ldc=4 m=16 n=16 k=16 fmt_a=fp16 fmt_b=fp16 wait=full:1
halt

.show l1 0,0 A fp16 2x8 pitch=2
.show l1 all C fp32 4x4 pitch=4
