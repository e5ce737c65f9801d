"""Waveforms of the mesh: dumping a VCD, and looking at it."""
