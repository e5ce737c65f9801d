"""One tile: its engines, memory, control and network ports put together, and what it tells the
outside.
"""
