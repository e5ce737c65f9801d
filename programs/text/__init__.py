"""The programs of a whole mesh as one text: docs/programs-by-hand.md is its reference."""
