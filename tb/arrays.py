"""A C++ model in the place of the PE array's Verilog, see `hw.sim.array_model`."""

import re
from collections.abc import Mapping

from hw.sim.array_model import array_sources, array_verilog
from isa.machine import Tile

__all__ = ["with_array"]


def with_array(
    files: Mapping[str, str], tile: Tile, model: str, top: str = "tile"
) -> dict[str, str]:
    """The files of a simulation, with another module in the place of the array of ``<top>.v``, and
    the C++ that it calls: one of `hw.sim.array_model.MODELS`.
    """
    module = f"\\{top}.array "
    text, found = re.subn(
        rf"^module {re.escape(module)}.*?^endmodule\n",
        lambda _: array_verilog(tile, module),
        files[f"{top}.v"],
        flags=re.MULTILINE | re.DOTALL,
    )
    if found != 1:
        raise ValueError(f"{top}.v must have one module {module}, not {found}")
    return {**files, f"{top}.v": text, **array_sources(tile, model)}
