"""The design space: machines around one that is given, by the timing model."""
