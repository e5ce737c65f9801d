"""The laws of the timing model, one by one: small programs on the RTL and in the model, over tile
parameters.
"""
