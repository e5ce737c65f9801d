"""Drives the streams of a component in the Amaranth simulator, cycle by cycle, with random
stalls.
"""

import random

from amaranth import Value
from amaranth.lib import data

__all__ = ["Streams", "fields", "pack"]


class Streams:
    """Offers items at the inputs, takes them at the outputs, records the cycle of every transfer,
    and checks the handshake.

    `stall` and `gap` are the probabilities that an output is not ready, and that an input pauses
    between two items; `stall` may be a mapping from the output's index.
    """

    def __init__(self, simulation, inputs, outputs, *, setup=(), stall=0.0, gap=0.0, seed=1):
        self.simulation, self.setup = simulation, list(setup)
        self.inputs, self.outputs = inputs, outputs
        self.stall = stall if isinstance(stall, dict) else dict.fromkeys(range(len(outputs)), stall)
        self.gap = gap
        self.rng = random.Random(f"{seed} {stall} {gap}")
        self.entered = [[] for _ in inputs]
        """For each input, the cycle in which each item was taken."""
        self.left = [[] for _ in outputs]
        """For each output, (cycle, item as an integer)."""
        self.watch = {}
        """Name to a signal whose values are recorded in `seen`, one a cycle."""
        self.seen = {}

    def run(self, items, cycles, *, until=None):
        """Offer `items[input]`, in order, and run for `cycles` cycles, or until `until` items have
        left in all.
        """
        queues = [list(queue) for queue in items]
        self.seen = {name: [] for name in self.watch}

        async def bench(ctx):
            for signal, value in self.setup:
                ctx.set(signal, value)
            offering = [False] * len(self.inputs)
            held = [None] * len(self.outputs)
            await ctx.tick()
            for cycle in range(cycles):
                for index, port in enumerate(self.inputs):
                    if not offering[index] and queues[index] and self.rng.random() >= self.gap:
                        offering[index] = True
                        ctx.set(port.payload, queues[index][0])
                    ctx.set(port.valid, offering[index])
                before = [ctx.get(port.valid) for port in self.outputs]
                for index, port in enumerate(self.outputs):
                    ctx.set(port.ready, self.rng.random() >= self.stall[index])
                assert before == [ctx.get(port.valid) for port in self.outputs], (
                    "valid depends on ready"
                )
                for name, signal in self.watch.items():
                    self.seen[name].append(ctx.get(signal))
                for index, port in enumerate(self.inputs):
                    if offering[index] and ctx.get(port.ready):
                        self.entered[index].append(cycle)
                        queues[index].pop(0)
                        offering[index] = False
                for index, port in enumerate(self.outputs):
                    item = ctx.get(Value.cast(port.payload)) if before[index] else None
                    assert held[index] in (None, item), (
                        f"output {index}: an offer was changed or taken back"
                    )
                    held[index] = None if ctx.get(port.ready) else item
                    if before[index] and ctx.get(port.ready):
                        self.left[index].append((cycle, item))
                await ctx.tick()
                if until is not None and sum(map(len, self.left)) >= until:
                    break

        self.simulation.run(bench)
        return self

    def items(self, index, layout=None):
        """What left at an output, as dictionaries of the fields of `layout`, or as integers."""
        values = [item for _, item in self.left[index]]
        return values if layout is None else [fields(layout, value) for value in values]


def fields(layout: data.StructLayout, value: int) -> dict[str, int]:
    """The fields of a struct packed into an integer."""
    return {name: value >> field.offset & (1 << field.width) - 1 for name, field in layout}


def pack(layout: data.StructLayout, item: dict[str, int]) -> int:
    """A struct as an integer."""
    return sum(
        (int(value) & (1 << layout[name].width) - 1) << layout[name].offset
        for name, value in item.items()
    )
