"""cocotb benches that run whole machines."""
