"""C++ in the place of the Verilog of a matrix engine's PEs, see `hw.sim.grid_model`."""

import re
from collections.abc import Mapping

from hw.sim.grid_model import grid_sources, grid_verilog
from isa.machine import Tile

__all__ = ["with_grid"]


def with_grid(
    files: Mapping[str, str], tile: Tile, model: str, top: str = "tile"
) -> dict[str, str]:
    """The files of a simulation, with another module in the place of the grid of ``<top>.v``, and
    the C++ that it calls: one of `hw.sim.grid_model.MODELS`.
    """
    module = f"\\{top}.grid "
    text, found = re.subn(
        rf"^module {re.escape(module)}.*?^endmodule\n",
        lambda _: grid_verilog(tile, module),
        files[f"{top}.v"],
        flags=re.MULTILINE | re.DOTALL,
    )
    if found != 1:
        raise ValueError(f"{top}.v must have one module {module}, not {found}")
    return {**files, f"{top}.v": text, **grid_sources(tile, model)}
