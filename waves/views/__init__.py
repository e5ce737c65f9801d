"""Ready-made views of the mesh's VCD for GTKWave and Surfer, and opening them."""

from waves.views.fst import to_fst
from waves.views.viewer import open_viewer, viewer_command
from waves.views.write import write_views

__all__ = ["open_viewer", "to_fst", "viewer_command", "write_views"]
