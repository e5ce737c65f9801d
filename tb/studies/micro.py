"""A program text on the RTL for its cycles alone, by the loop that needs no cocotb."""

import json
import shutil

from isa.errors import UserError
from isa.machine import Machine
from programs.text.listing import Listing
from programs.text.reader import read_listing
from tb.bare import run_bare
from tb.hardware import build_mesh
from tb.memory_files import write_memory
from tb.mesh import Settings, orders_of
from tb.runner import fresh_folder

__all__ = ["read_text", "run_text"]


def read_text(machine: Machine, text: str) -> Listing:
    """A program text that is in no file, on a machine that is in none.

    Raises
    ------
    UserError
        If the text is wrong.
    """
    folder = fresh_folder("text")
    try:
        (folder / "machine.toml").write_text(machine.to_toml())
        (folder / "text.s").write_text(text)
        return read_listing(folder / "text.s", str(folder / "machine.toml"))
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def run_text(machine: Machine, text: str) -> dict:
    """Cycles of a program text from the start of all queues to the last activity. No bit is
    compared: L1 holds zeros, on whose values no cycle depends.

    Raises
    ------
    UserError
        If the text is wrong, or the machine stops with an error or hangs.
    SimulationFailure
        If the simulator fails.
    """
    listing = read_text(machine, text)
    images = {tile: program.words() for tile, program in listing.programs.items()}
    folder = fresh_folder("micro")
    try:
        boot = write_memory(machine, images, listing.hbm(), folder)
        orders = orders_of(machine, Settings(), boot, {})
        (folder / "run.json").write_text(json.dumps(orders))
        seen = run_bare(build_mesh(machine), folder)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    if seen["error"]:
        raise UserError("the machine stops with an error, or hangs")
    return {"cycles": seen["cycles"]}
