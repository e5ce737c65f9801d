# A deadlock on purpose: each tile waits for a word of the other before it sends its own.
.mesh 2x1
.address A 0x100
.address B 0x200
.semaphore full 0
.semaphore never 1

.tile all
.queue out
answer: put local=A remote=B rows=1 words=1 rect=1-x,0:1-x,0 bump sem=full wait=full:1
halt

.tile 0,0
.queue vector
fill d=A m=1 n=4 imm=1.5 fmt_d=fp32 signal=never
sync wait=never:2
halt
