"""Deliberate faults: `catalogue` names them, `copy` builds all of them into one copy of the
hardware, `check` runs them.
"""
