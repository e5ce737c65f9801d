"""Which programs are shipped, and what becomes of them when a wait or a signal is left out."""
