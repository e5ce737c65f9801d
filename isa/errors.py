"""The one exception a user of flatmesh is meant to see."""

__all__ = ["UserError"]


class UserError(ValueError):
    """Bad input: one line that says what is wrong, where, and what would be right."""
