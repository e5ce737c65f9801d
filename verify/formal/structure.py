"""No combinational path from these inputs to those outputs, shown on the gates: what nothing leads
to depends on nothing.

The walk is over single wires between single gates; memories are registers. Where an arithmetic cell
stays whole, every output of it is taken to depend on every input, so that a path may be reported
that is none, but none is missed.
"""

import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from fnmatch import fnmatch
from functools import partial

from amaranth.back import rtlil
from amaranth.lib import wiring

from hw.network.arbiter import Arbiter
from hw.network.fifo import Fifo
from hw.network.fork import Fork
from hw.network.reduce_router import ReduceRouter
from hw.network.router import Router
from hw.sim.stall import Stall
from isa.machine import MACHINES
from verify.formal.harness import Fault, ProofDesign, elaborating
from verify.formal.prove import Proof
from verify.formal.router import router
from verify.formal.solve import netlist

__all__ = ["PATHS", "NoPath", "find_path", "separate"]

_HANDSHAKE = ("*ready", "*valid", "*payload")


@dataclass(frozen=True)
class NoPath:
    """No output that matches `to` depends in the same cycle on an input that matches `sources`;
    with `fault`, one does.

    Patterns are those of the file system, over names of ports like ``o__1__ready``.
    """

    module: str
    subject: str
    name: str
    says: str
    make: Callable[[], wiring.Component]
    sources: tuple[str, ...]
    to: tuple[str, ...]
    fault: Fault


def separate(claim: NoPath) -> Proof:
    """Answer for one claim."""
    started = time.monotonic()
    path = find_path(_gates(claim), claim.sources, claim.to)
    faulty = find_path(_gates(claim, claim.fault), claim.sources, claim.to)
    seconds = time.monotonic() - started
    return Proof(
        claim.module,
        claim.subject,
        claim.name,
        claim.says,
        "structure",
        0,
        path is None,
        faulty is not None,
        None,
        seconds,
        " -> ".join(path or ()),
    )


def _gates(claim: NoPath, fault: Fault | None = None) -> dict:
    with elaborating(fault):
        text = rtlil.convert(claim.make(), name="top", emit_src=False)
    return netlist(ProofDesign(text, ()))


def find_path(module: dict, sources: tuple[str, ...], to: tuple[str, ...]) -> list[str] | None:
    """Return the names along a shortest path, from a port that matches `sources` to one that
    matches `to`, or None.

    Raises
    ------
    ValueError
        If no input matches `sources`, or no output matches `to`.
    """
    starts = _bits(module, "input", sources)
    ends = _bits(module, "output", to)
    names = {
        bit: name
        for name, net in module["netnames"].items()
        if not net["hide_name"]
        for bit in net["bits"]
    }
    leads: dict[int, list[int]] = {}
    for cell in module["cells"].values():
        if "FF" in cell["type"].upper():
            continue
        directions, wires = cell["port_directions"], cell["connections"]
        inputs = [
            bit for port, bits in wires.items() if directions[port] == "input" for bit in bits
        ]
        outputs = [
            bit for port, bits in wires.items() if directions[port] == "output" for bit in bits
        ]
        for bit in inputs:
            leads.setdefault(bit, []).extend(outputs)
    came: dict[int, int | None] = dict.fromkeys(starts)
    queue = deque(starts)
    while queue:
        bit = queue.popleft()
        if bit in ends:
            path = []
            here: int | None = bit
            while here is not None:
                path.append({**names, **starts, bit: ends[bit]}.get(here, ""))
                here = came[here]
            return [name for name in reversed(path) if name]
        for following in leads.get(bit, ()):
            if following not in came:
                came[following] = bit
                queue.append(following)
    return None


def _bits(module: dict, direction: str, patterns: tuple[str, ...]) -> dict[int, str]:
    found = {
        bit: name
        for name, port in module["ports"].items()
        if port["direction"] == direction and any(fnmatch(name, pattern) for pattern in patterns)
        for bit in port["bits"]
        if isinstance(bit, int)  # not a constant
    }
    if not found:
        raise ValueError(
            f"No {direction} matches {', '.join(patterns)} among {', '.join(module['ports'])}"
        )
    return found


def _router(multicast: bool) -> Router:
    return router(multicast=multicast, depth=2)[0]


_GREEDY = Fault(
    Arbiter.elaborate, "self.grant.eq(", "self.grant.eq(~self.taken.replicate(self.inputs) & "
)
_REGISTERS = (
    "ready of an input, valid and payload of an output depend on registers and position only"
)
_TINY = MACHINES["tiny"]

PATHS = (
    NoPath(
        "fifo-2",
        "Fifo, depth 2",
        "no path",
        "nothing passes from any input to any output",
        lambda: Fifo(shape=8, depth=2),
        ("i__*", "o__*"),
        _HANDSHAKE,
        Fault(
            Fifo.elaborate,
            "self.i.ready.eq(level != self.depth)",
            "self.i.ready.eq((level != self.depth) | pop)",
        ),
    ),
    NoPath(
        "arbiter-5",
        "Arbiter, 5 inputs",
        "no path",
        "the grant does not depend on whether it is taken",
        lambda: Arbiter(inputs=5),
        ("taken",),
        ("grant",),
        _GREEDY,
    ),
    NoPath(
        "fork-5",
        "Fork, 5 branches",
        "no path",
        "what a branch is offered does not depend on who takes it",
        lambda: Fork(branches=5),
        ("taken",),
        ("pending",),
        Fault(Fork.elaborate, "self.mask & ~served", "self.mask & ~served & ~(self.taken >> 1)"),
    ),
    NoPath(
        "stall",
        "Stall",
        "no path",
        "valid never waits for ready",
        lambda: Stall(shape=8, seed=1),
        ("o__ready",),
        ("o__valid", "o__payload"),
        Fault(
            Stall.elaborate,
            "self.o.valid.eq(self.i.valid & passing)",
            "self.o.valid.eq(self.i.valid & passing & self.o.ready)",
        ),
    ),
    *(
        NoPath(
            f"{kind}-router-2",
            f"Router, {kind}, FIFO depth 2",
            "no path",
            _REGISTERS,
            partial(_router, kind == "multicast"),
            ("i__*", "o__*"),
            _HANDSHAKE,
            Fault(
                Router.elaborate,
                "out.valid.eq(arbiter.request != 0)",
                "out.valid.eq((arbiter.request != 0) & self.o[0].ready)",
            ),
        )
        for kind in ("unicast", "multicast")
    ),
    NoPath(
        "reduce-router",
        "ReduceRouter, as built",
        "no path",
        _REGISTERS,
        lambda: ReduceRouter(machine=_TINY),
        ("i__*", "o__*"),
        _HANDSHAKE,
        Fault(
            ReduceRouter._choose,
            "count != slots for count in used",
            "(count != slots) | o.ready for count, o in zip(used, self.o)",
        ),
    ),
)
