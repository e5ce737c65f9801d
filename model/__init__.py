"""The timing model: cycles of the very program images that the RTL and the golden machine run."""
