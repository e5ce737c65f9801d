"""What happened in a VCD of the mesh: read back, rebuilt and checked, reported, and laid out for
viewers.
"""
