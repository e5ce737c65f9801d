"""The mesh: tiles placed by instance, links, HBM channels, start, stop, watchdog and probes."""
