"""The functional PE array in the place of the array's RTL, see `hw.sim.functional_array`."""

import re
from collections.abc import Mapping

from hw.sim.functional_array import functional_array_header, functional_array_verilog
from isa.machine import Tile
from tb.runner import ROOT

__all__ = ["with_functional_array"]


def with_functional_array(
    files: Mapping[str, str], tile: Tile, top: str = "tile"
) -> dict[str, str]:
    """The files of a simulation, with another module in the place of the array of ``<top>.v``, and
    the C++ that it calls.
    """
    module = f"\\{top}.array "
    text, found = re.subn(
        rf"^module {re.escape(module)}.*?^endmodule\n",
        lambda _: functional_array_verilog(tile, module),
        files[f"{top}.v"],
        flags=re.MULTILINE | re.DOTALL,
    )
    if found != 1:
        raise ValueError(f"{top}.v must have one module {module}, not {found}")
    return {
        **files,
        f"{top}.v": text,
        "array_shape.h": functional_array_header(tile),
        "functional_array.cpp": (ROOT / "hw" / "sim" / "functional_array.cpp").read_text(),
    }
