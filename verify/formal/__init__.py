"""Formal proofs about the parts of the network: for every input at any time, not for the inputs of
some test.
"""
