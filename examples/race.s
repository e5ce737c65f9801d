# A race on purpose: the second tile doubles what the first one sends without waiting for it.
.mesh 2x1
.address A 0x100
.address B 0x200
.semaphore full 0

.l1 0,0 A fp32 1 2 3 4

.tile 0,0
.queue out
send: put local=A remote=B rows=1 words=1 rect=1,0:1,0 bump sem=full
halt

.tile 1,0
.queue vector
double: addv a=B b=B d=B m=1 n=4 fmt_a=fp32 fmt_d=fp32      # wait=full:1 is missing
halt

.show l1 1,0 B fp32 1x4
