"""What `make inspect` prints and writes."""
