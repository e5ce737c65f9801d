"""L1 by file: what is in every tile's L1 when a simulation starts and when it has ended.

The hardware has no door for it. A mesh `with_l1_files` is ours with a simulation model beside each
tile's L1, which fills the banks during reset and writes them when the simulator ends; no cycle
depends on it.
"""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from isa.geometry import TileXY
from isa.machine import Machine
from tb.memory_files import hex_lines, read_memory

__all__ = ["read_l1", "with_l1_files", "write_l1"]

_MODEL = """
  string l1_folder;
  integer l1_file;
  reg [1:0] l1_age = 2'd0;  // a tile knows its place from the second cycle on
  always @(posedge clk) if (l1_age != 2'd3) begin
    l1_age <= l1_age + 2'd1;
    if (l1_age == 2'd2 && $value$plusargs("hbm_dir=%s", l1_folder)) begin
{fill}    end
  end
  final if ($value$plusargs("hbm_dir=%s", l1_folder)) begin
{dump}  end
"""
_FILL = """      l1_file = $fopen($sformatf("%s/l1_%0d_%0d_{bank}.hex", l1_folder, x, y), "r");
      if (l1_file != 0) begin
        $fclose(l1_file);
        $readmemh($sformatf("%s/l1_%0d_%0d_{bank}.hex", l1_folder, x, y),
                  core.l1.bank{bank}.words);
      end
"""
_DUMP = (
    '    $writememh($sformatf("%s/l1_out_%0d_%0d_{bank}.hex", l1_folder, x, y), '
    "core.l1.bank{bank}.words);\n"
)


def with_l1_files(files: Mapping[str, str], machine: Machine) -> dict[str, str]:
    """The Verilog of a mesh, with the model in its ``tile``."""
    banks = range(machine.tile.l1_banks)
    fill, dump = ("".join(part.format(bank=bank) for bank in banks) for part in (_FILL, _DUMP))
    body, end, rest = files["tile.v"].partition("\nendmodule")
    return {**files, "tile.v": body + _MODEL.format(fill=fill, dump=dump) + end.lstrip() + rest}


def write_l1(machine: Machine, l1: Mapping[TileXY, NDArray[np.uint8]], folder: Path) -> None:
    """Write the files of the tiles that do not start with zeros alone."""
    banks, word_bytes = machine.tile.l1_banks, machine.tile.word_bytes
    for (x, y), content in l1.items():
        if content.any():
            rows = content.reshape(-1, banks, word_bytes)
            for bank in range(banks):
                text = hex_lines(rows[:, bank], word_bytes)
                (folder / f"l1_{x}_{y}_{bank}.hex").write_bytes(text)


def read_l1(machine: Machine, tile: TileXY, folder: Path) -> NDArray[np.uint8]:
    """The bytes of a tile's L1 when the simulation had ended.

    Raises
    ------
    SimulationFailure
        If the simulation left no file.
    """
    banks, word_bytes, (x, y) = machine.tile.l1_banks, machine.tile.word_bytes, tile
    files = (folder / f"l1_out_{x}_{y}_{bank}.hex" for bank in range(banks))
    parts = [read_memory(file, word_bytes).reshape(-1, word_bytes) for file in files]
    return np.stack(parts, axis=1).reshape(-1)
