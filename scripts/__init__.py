"""Thin command-line fronts, one per make target."""
