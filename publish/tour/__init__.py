"""The tour of docs/inspection.md: its four runs, and what the pages show of them."""
