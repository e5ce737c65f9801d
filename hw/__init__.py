"""The hardware in Amaranth: engines, network, memory, tile, HBM channels and mesh. Imports `isa`
only.
"""
