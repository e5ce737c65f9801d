"""Tile programs of attention, and the rule that cuts it."""
