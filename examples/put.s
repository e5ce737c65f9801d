# A matrix travels from one tile to its neighbour, which doubles it and stores it to HBM.
.mesh 2x1
.constant ROWS 4
.address A 0x100        # in the first tile: 4 rows of 8 FP16, which take a word each
.address B 0x200        # where they arrive in the second
.address F 0x300        # the same as FP32, two words a row
.address O 0x40         # where the result goes in HBM
.semaphore full 0       # B is there
.semaphore doubled 1    # B has been doubled
.semaphore stored 2     # the result is in HBM

.l1 0,0 A fp16 4x8  1 2 3 4 5 6 7 8  -1 -2 -3 -4 -5 -6 -7 -8  0.5 0 0 0 0 0 0 0  0 0 0 0 0 0 0 65504

.tile 0,0
.queue out
send: put local=A local_pitch=1 remote=B remote_pitch=1 rows=ROWS words=1 rect=1,0:1,0 bump sem=full
halt

.tile 1,0
.queue vector
widen: copy a=B lda=1 d=F ldd=2 m=ROWS n=8 fmt_a=fp16 fmt_d=fp32 wait=full:1
double: addv a=F b=F lda=2 d=B ldd=1 m=ROWS n=8 fmt_a=fp32 fmt_d=fp16 signal=doubled
halt
.queue out
keep: store local=B local_pitch=1 remote=O remote_pitch=1 rows=ROWS words=1 target=0,0 edge=west wait=doubled:1 bump sem=stored
sync wait=stored:1
halt

.expect hbm west@0,0 O fp16 4x8  2 4 6 8 10 12 14 16  -2 -4 -6 -8 -10 -12 -14 -16  1 0 0 0 0 0 0 0  0 0 0 0 0 0 0 inf
.expect semaphore all full 0
.show l1 0,0 A fp16 4x8
.show hbm west@0,0 O fp16 4x8
