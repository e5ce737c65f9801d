"""The papers' own schedule and published costs, on the event core: structure apart from costs."""
