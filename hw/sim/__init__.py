"""What exists for simulation only: memory cells, stalls, link transport, event log, waveforms."""
