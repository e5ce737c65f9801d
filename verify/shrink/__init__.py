"""A failing case made small: what is left of its programs is needed for the failure."""
