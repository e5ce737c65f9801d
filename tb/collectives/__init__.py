"""Collectives measured on the RTL mesh by real tile programs: every cycle from the issue to the
last word written.
"""
