"""What `make wafer` finds: points, sweeps, tables, pictures, and the page of both."""
