"""Runs the mesh from reset to `finished`, then reads every probe and dumps memory. Settings come
from ``run.json``.
"""

import json
import os
import resource
import time
from pathlib import Path

import cocotb
from cocotb.clock import Clock
from cocotb.triggers import RisingEdge, SimTimeoutError, Timer, with_timeout

PERIOD = 2  # ns of simulated time a cycle
REPORT_CYCLES = 2_000
PROBES = 128


def branch(folder: Path, branches: list[dict[str, int]]) -> dict[str, int] | None:
    """One process for each of `branches`, one after the other, in folders 0, 1, … of `folder`: each
    goes on from here with its inputs, which it gets. Whoever gets nothing is to do nothing more.
    """
    for index, inputs in enumerate(branches):
        child = os.fork()
        if not child:
            os.chdir(folder / str(index))
            return inputs
        os.waitpid(child, 0)
    return None


async def cycles(count: int) -> None:
    """Let `count` clock cycles pass without waking up in between."""
    await Timer(count * PERIOD, unit="ns")


def most_memory() -> float:
    """MB that this program has held. What getrusage says begins with what its parent held."""
    try:
        status = Path("/proc/self/status").read_text()
        return int(status.partition("VmHWM:")[2].split()[0]) / 1024
    except (OSError, ValueError, IndexError):
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


@cocotb.test()
async def program(dut):
    """Load, start, wait, read back."""
    folder = Path(os.environ["FLATMESH_RUN"])
    settings = json.loads((folder / "run.json").read_text())
    dut.rst.value = 1
    dut.dump.value = 0
    dut.probe_target.value = 0
    dut.probe_index.value = 0
    for name, value in settings["inputs"].items():
        getattr(dut, name).value = value
    Clock(dut.clk, PERIOD, unit="ns", impl="gpi").start()
    await cycles(4)
    await RisingEdge(dut.clk)
    branches = settings.get("branches", [])
    if branches:
        inputs = branch(folder, branches)
        if inputs is None:
            return
        folder = Path.cwd()
        for name, value in inputs.items():
            getattr(dut, name).value = value
    dut.rst.value = 0

    started, processor = time.perf_counter(), time.process_time()
    finished, most, passed = dut.finished, settings["most_cycles"], 0
    while not finished.value and (passed < most or not most):
        try:
            await with_timeout(RisingEdge(finished), REPORT_CYCLES * PERIOD, "ns")
        except SimTimeoutError:
            passed += REPORT_CYCLES
            (folder / "progress").write_text(str(int(dut.cycles.value)))
    seconds, processor = time.perf_counter() - started, time.process_time() - processor

    seen = {
        name: int(getattr(dut, name).value) for name in ("cycles", "boot_cycles", "error", "hung")
    }
    seen["endless"] = not finished.value
    # Errors elsewhere may still be on their way.
    await cycles(settings["settle"])

    async def probe(target: int, index: int) -> int:
        dut.probe_target.value = target
        dut.probe_index.value = index
        await cycles(4)
        return int(dut.probe_data.value)

    tiles, channels = settings["targets"], settings["channels"]

    async def read_tiles() -> list[list[int]]:
        return [[await probe(target, index) for index in range(PROBES)] for target in range(tiles)]

    seen["tiles"] = await read_tiles()
    # Once more, so that one can see what goes on after an error.
    seen["later"] = await read_tiles() if seen["error"] else []
    seen["channels"] = [
        [await probe(tiles + channel, index) for index in range(3)] for channel in range(channels)
    ]
    seen["seconds"], seen["processor_seconds"] = seconds, processor
    seen["megabytes"] = most_memory()
    dut.dump.value = 1
    await cycles(4)
    (folder / "seen.json").write_text(json.dumps(seen))
    if branches:
        os._exit(0)
