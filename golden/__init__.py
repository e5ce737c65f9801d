"""What the hardware must compute, in NumPy: three levels, each checked against the one above.

* `golden.attention` - the textbook in float64, and an online softmax of the same precision as the
  hardware's;
* `golden.arithmetic`, `golden.storage`, `golden.vector`, `golden.reduction` - every operation bit
  for bit;
* `golden.machine` - an instruction-level machine that runs the program images of a whole mesh and
  ends with the bits the RTL must end with: L1 of every tile, HBM of every channel.

Nothing here knows about time, and nothing imports the hardware: only the contract in `isa` is
shared.
"""
