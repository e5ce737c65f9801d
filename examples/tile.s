# All of a tile at once: tile (0,0) multiplies a matrix from HBM with one that its neighbour puts
# there, adds the neighbour's part, sends the sum to both, and stores it.
.machine small.toml
.mesh 2x1
.address A 0x10         # 8x8 FP16 from HBM: a word a row
.address B 0x20         # 8x8 FP16 from the neighbour
.address C 0x40         # 8x8 FP32 = A B: two words a row
.address SUM 0x60       # C of both tiles, added
.address O 0x80         # where the sum goes in HBM
.semaphore a_full 0
.semaphore b_full 1
.semaphore c_full 2
.semaphore added 3
.semaphore stored 4

.hbm west@0,0 0 fp16 8x8 random 1
.l1 1,0 B fp16 8x8 random 2
.l1 1,0 C fp32 8x8 random 3

.tile 0,0
.queue load
load local=A local_pitch=1 remote=0 remote_pitch=1 rows=8 words=1 rect=0,0:1,0 target=0,0 edge=west bump sem=a_full
halt
.queue matrix
matmul a=A lda=1 b=B ldb=1 c=C ldc=2 m=8 n=8 k=8 fmt_a=fp16 fmt_b=fp16 wait=a_full:1,b_full:1 signal=c_full
halt
.queue out
reduce local=C local_pitch=2 remote=SUM remote_pitch=2 rows=8 words=2 rect=0,0:1,0 target=0,0 op=sum fmt=fp32 turn tag=1 bump sem=added wait=c_full:1
store local=SUM local_pitch=2 remote=O remote_pitch=2 rows=8 words=2 target=0,0 edge=west bump sem=stored wait=added:1
sync wait=stored:1
halt

.tile 1,0
.queue out
put local=B local_pitch=1 remote=B remote_pitch=1 rows=8 words=1 rect=0,0:0,0 bump sem=b_full
reduce local=C local_pitch=2 remote=SUM remote_pitch=2 rows=8 words=2 rect=0,0:1,0 target=0,0 op=sum fmt=fp32 turn tag=1 bump sem=added
halt

.show hbm west@0,0 O fp32 4x4 pitch=2
