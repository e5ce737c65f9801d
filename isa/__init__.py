"""The contract between hardware, golden model, compilers and testbench: pure Python and NumPy, no
HDL.
"""
