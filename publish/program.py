"""What a run of a program text shows: ranges of memory, semaphores, counters, what is wrong."""

from dataclasses import dataclass, field

from rich.console import Console

from isa.instructions import Queue
from isa.status import Probe
from isa.words import counted
from programs.text.listing import Listing
from publish.output import Table
from tb.run_program import State
from tb.verdict import blocks_in, differences, remarks, unmet

__all__ = ["ProgramRun"]

_COUNTERS = {
    "matrix active": Probe.MATRIX_ACTIVE,
    "matrix busy": Probe.MATRIX_BUSY,
    "operand stall": Probe.MATRIX_OPERAND_STALL,
    "vector busy": Probe.VECTOR_BUSY,
    "loads": Probe.LOAD_REQUESTS,
    "flits out": Probe.OUT_FLITS,
    "out stall": Probe.OUT_STALL,
    "flits in": Probe.EJECT_FLITS,
    "L1 conflict": Probe.L1_CONFLICT,
}
"""Columns of the table of counters; all are cycles, but for loads and flits."""


@dataclass
class ProgramRun:
    """A text, and the machines that ran it: golden, the RTL, or golden and then the RTL."""

    listing: Listing
    states: list[State]
    problems: list[str] = field(init=False)
    """What is wrong, one line or more each."""
    remarks: list[str] = field(init=False)
    """What is not wrong, but no number (`tb.verdict.remarks`)."""

    def __post_init__(self) -> None:
        states = self.states
        races = [race for state in states for race in state.races]
        failures = [f"{s.machine} stopped: {s.failure.text}" for s in states if s.failure]
        differ = differences(self.listing, *states) if len(states) > 1 else []
        missed = [] if failures else [line for s in states for line in unmet(self.listing, s)]
        self.remarks = remarks(self.listing, self.last)
        self.problems = [*races, *failures, *differ, *dict.fromkeys(missed)]

    @property
    def last(self) -> State:
        """The machine whose memories are shown."""
        return self.states[-1]

    def result(self) -> dict:
        """The flat object of ``result.json``."""
        listing, last = self.listing, self.last
        return {
            "program": str(listing.path),
            "machine": listing.machine.name,
            "mesh": f"{listing.machine.mesh.columns}x{listing.machine.mesh.rows}",
            "target": "+".join(state.machine.lower() for state in self.states),
            "passed": not self.problems,
            "problems": self.problems,
            "remarks": self.remarks,
            "races": sum(len(state.races) for state in self.states),
            "cycles": last.cycles,
            "boot_cycles": last.boot_cycles,
            "build_seconds": last.build_seconds,
            "shown": {title: rows for title, rows in self._shown()},
            "semaphores": {f"{x},{y}": counts for (x, y), counts in last.semaphores.items()},
            "counters": {
                f"{x},{y}": {name: values[probe] for name, probe in _COUNTERS.items()}
                for (x, y), values in last.probes.items()
            },
            "instructions": {
                f"{x},{y} {queue.name.lower()}": count
                for ((x, y), queue), count in last.executed.items()
            },
        }

    def show(self, console: Console) -> None:
        """Print everything but the problems."""
        listing, last = self.listing, self.last
        mesh = listing.machine.mesh
        title = f"{listing.path} on {listing.machine.name} {mesh.columns}x{mesh.rows}"
        cycles = (
            "" if last.cycles is None else f": {last.cycles:,} cycles, boot {last.boot_cycles:,}"
        )
        console.print(
            f"{title}, {' and '.join(s.machine for s in self.states)}{cycles}", style="bold"
        )
        for name, rows in self._shown():
            console.print(f"\n{name}", markup=False)
            width = max(len(text) for row in rows for text in row)
            for row in rows:
                console.print("  " + " ".join(text.rjust(width) for text in row), soft_wrap=True)
        console.print(f"\n{self._semaphores()}\n", markup=False, highlight=False)
        for table in self._tables():
            table.show(console)
        for remark in self.remarks:
            console.print(remark, markup=False, highlight=False, soft_wrap=True)
        if not self.problems:
            console.print(f"passed: {self._verdict()}")

    def _verdict(self) -> str:
        """What was compared, of a run without problems."""
        equal = ["golden and RTL are identical"] if len(self.states) > 1 else []
        met = len(self.listing.expected)
        wanted = [f"{counted(met, 'expectation')} met"] if met else ["nothing was expected"]
        special = any(any(one.special(one.bits)) for one in self.listing.expected)
        wanted[-1] += " (with NaN or infinities, see above)" if special else ""
        golden = any(state.machine.lower() == "golden" for state in self.states)
        return ", ".join([*equal, *wanted, *(["no race"] if golden else [])])

    def _shown(self) -> list[tuple[str, list[list[str]]]]:
        return [
            (f"{block.title}, {where}", block.texts(bits))
            for block in self.listing.shown
            for where, bits in blocks_in(block, self.last)
        ]

    def _semaphores(self) -> str:
        """Those that are not 0, by tile."""
        names, left = self.listing.semaphores, []
        for (x, y), counts in self.last.semaphores.items():
            some = [f"{names.get(s, s)} {count}" for s, count in enumerate(counts) if count]
            left += [f"  tile ({x},{y}): {', '.join(some)}"] if some else []
        return (
            "\n".join(["final semaphores that are not 0:", *left])
            if left
            else ("final semaphores: all 0")
        )

    def _tables(self) -> list[Table]:
        """Instructions of each queue, and what the RTL counted."""
        last, tiles = self.last, self.listing.tiles
        queues = [queue.name.lower() for queue in Queue]
        executed = [
            (f"{x},{y}", *(str(last.executed[(x, y), queue]) for queue in Queue)) for x, y in tiles
        ]
        counted = [
            (f"{x},{y}", *(str(last.probes[x, y][probe]) for probe in _COUNTERS.values()))
            for x, y in tiles
            if (x, y) in last.probes
        ]
        tables = [Table("instructions of each queue", ("tile", *queues), executed)]
        heads = (name.replace(" ", "\n") for name in _COUNTERS)  # rich would cut a word
        return [*tables, *([Table("counters", ("tile", *heads), counted)] if counted else [])]
