"""`make conformance`: is it still right? Cases generated and directed, functional coverage, and
faults that must be caught.
"""
