"""What compilers of every kind of workload share: traces, loops, checks."""
