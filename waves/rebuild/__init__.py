"""From a VCD of the mesh back to what happened: flits, collectives, engines, and whether all of it
is as it should be.
"""
