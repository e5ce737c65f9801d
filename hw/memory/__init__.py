"""HBM at the mesh's edge: the channel controller, and a memory array for simulation."""
