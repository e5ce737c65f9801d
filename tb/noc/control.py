"""The cocotb side of the bench: starts run after run, puts sinks to sleep, and reads what the
referee says.
"""

import json
import os
from pathlib import Path

import cocotb
from cocotb.clock import Clock
from cocotb.triggers import ClockCycles, RisingEdge

ALWAYS = 1 << 16
SETTINGS = ("expected", "drain", "patience", "limit", "seed")


@cocotb.test()
async def play(dut):
    """Play every run of ``runs.json``; no Python runs while the network does, but for the sleeps
    that a run asks for.
    """
    folder = Path(os.environ["FLATMESH_NOC"])
    runs = json.loads((folder / "runs.json").read_text())
    dut.rst.value = 1
    dut.go.value = 0
    Clock(dut.clk, 2, unit="ns", impl="gpi").start()
    results = []
    for number, run in enumerate(runs):
        results.append(await played(dut, run))
        (folder / "progress").write_text(f"{number + 1} {len(runs)}\n")
    (folder / "results.json").write_text(json.dumps(results))


async def played(dut, run: dict) -> dict:
    """One run, from a reset to its end."""
    dut.rst.value = 1
    for name in SETTINGS:
        getattr(dut, name).value = run[name]
    for name, value in run["faults"].items():
        getattr(dut, name).value = value
    for end, stall in enumerate(run["stall"]):
        getattr(dut, f"stall__{end}").value = stall
    await ClockCycles(dut.clk, 3)
    dut.rst.value = 0
    await RisingEdge(dut.clk)
    dut.go.value = 1
    await RisingEdge(dut.clk)
    dut.go.value = 0
    await RisingEdge(dut.clk)
    start = int(dut.cycle.value) - int(dut.age.value)
    tasks = [cocotb.start_soon(sleep(dut, run, *times)) for times in run["sleeps"]]
    await RisingEdge(dut.over)
    for task in tasks:
        task.cancel()
    names = ["age", "entered", "arrived", "moved", "alarm", "done", "hung", "broken", "mismatch"]
    names += [name for name in ("fired", "waiting") if hasattr(dut, name)]
    return {"start": start, **{name: int(getattr(dut, name).value) for name in names}}


async def sleep(dut, run: dict, end: int, begin: int, cycles: int) -> None:
    """Let a sink take nothing for a while."""
    stall = getattr(dut, f"stall__{end}")
    await ClockCycles(dut.clk, begin)
    stall.value = ALWAYS
    await ClockCycles(dut.clk, cycles)
    stall.value = run["stall"][end]
