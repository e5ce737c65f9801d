"""Timing beyond what can be simulated: models of a die, and of many dies."""
