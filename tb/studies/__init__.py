"""Listed sets of runs on the RTL, whose results are published."""
