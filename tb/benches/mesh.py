"""Runs the mesh from reset to `finished`, then reads every probe and dumps memory. Settings come
from ``run.json``.
"""

import atexit
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


def divide(folder: Path, names: list[str]) -> bool:
    """One process for each of `names`, one after the other, in the folder of this name: each goes
    on from here. False in the process that has divided itself, which is to do nothing more.
    """
    for name in names:
        child = os.fork()
        if not child:
            # Not through destructors: a simulator that ends waits there for threads that it has
            # started before, which are not in this process.
            atexit.register(os._exit, 1)
            os.chdir(folder / name)
            return True
        os.waitpid(child, 0)
    return False


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
    jobs = settings.get("jobs", [])
    if jobs:  # see `tb.batch`; nothing has been evaluated yet, so that no memory is filled
        if not divide(folder, jobs):
            return
        folder = Path.cwd()
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
    if jobs:
        branches = settings["branches"]
        if not divide(folder, [str(index) for index in range(len(branches))]):
            os._exit(0)
        folder = Path.cwd()
        for name, value in branches[int(folder.name)].items():
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

    stopped = seen["error"] or seen["hung"] or seen["endless"]
    wanted = settings["probes"]["stopped" if stopped else "ended"]

    async def read_tiles() -> list[list[int]]:
        found = [[0] * len(settings["probes"]["all"]) for _ in range(tiles)]
        for index in wanted:  # all tiles see another index, and nobody another target
            for target, values in enumerate(found):
                values[index] = await probe(target, index)
        return found

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
    if jobs:
        os._exit(0)
