"""A VCD read back: signals, samples, engines."""
