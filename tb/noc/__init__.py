"""Verification of whole networks on the emitted Verilog: traffic, deadlock, faults, coverage,
saturation, latency.

Each of these functions compiles what it needs (builds are kept) and runs one or two simulations;
they may run in processes of their own at the same time. They return plain values and print nothing.
"""

from tb.noc.campaign import random_traffic
from tb.noc.deadlock import deadlock_set
from tb.noc.injection import faults
from tb.noc.latency import zero_load
from tb.noc.load import saturation

__all__ = ["deadlock_set", "faults", "random_traffic", "saturation", "zero_load"]
