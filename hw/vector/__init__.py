"""Vector engine: operand reader, lanes, row statistics, result writer."""
