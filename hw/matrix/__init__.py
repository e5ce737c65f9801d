"""Matrix engine: operand buffers, PE array, results."""
