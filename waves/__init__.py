"""Waveforms of the mesh: which part of a run to show, faults worth looking at, and views for the
viewers.
"""
