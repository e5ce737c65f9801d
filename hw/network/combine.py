"""The pipeline that combines the words which meet in a router of the reduction network."""

from collections.abc import Sequence
from itertools import pairwise

from amaranth import Cat, Module, Mux, Signal
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out

from hw.emit import once
from hw.network.fifo import Fifo
from hw.network.lane import ReduceLane
from isa.instructions import Format, ReduceOp
from isa.machine import Tile
from isa.timing import combine_cycles

__all__ = ["Combine", "combine_job", "in_flight"]


def in_flight(stages: int) -> int:
    """Results that can be on their way at a time, the one that is just starting included."""
    return combine_cycles(ReduceOp.SUM, Format.FP16, 5, stages) + 1


def combine_job(tile: Tile, label) -> data.StructLayout:
    """Up to five words to combine from left to right, `a` first, and a label that comes out with
    the result.
    """
    words = {name: tile.link_bits for name in "abcde"}
    return data.StructLayout({"label": label, "op": 1, "fmt": 3, "count": 3, **words})


class Combine(wiring.Component):
    """Sum or maximum of 1 to 5 words, element by element, with two adders an element.

    The result comes `isa.timing.combine_cycles` after the transfer, in the same cycle for a latency
    of 0, and must be taken. Results keep the order of the transfers: a job whose result would
    overtake or meet an earlier one is not ``ready`` yet. Up to three words, and all maxima: a job a
    cycle. A sum of four or five words goes through the adders twice: a job every other cycle.

    A sum is formed in FP32 and rounded to the elements' format once, at the end. One word passes
    unchanged.

    Parameters
    ----------
    tile : Tile
        Bits of a word.
    label : :class:`ShapeLike`
        Shape of the label.
    stages : int
        Cycles of an adder, 1 or 2.
    formats : sequence of Format
        Formats of the elements.

    Members
    -------
    i : ``In(stream(combine_job))``
        Jobs. ``ready`` depends on ``op``, ``fmt`` and ``count`` of the payload.
    busy : ``Out(1)``
        A result is on its way.
    valid : ``Out(1)``
        There is a result in this cycle.
    label, result : ``Out``
        The result and its label.
    """

    def __init__(self, *, tile: Tile, label, stages: int, formats: Sequence[Format]):
        self._tile = tile
        self._label = label
        self._stages = stages
        self._formats = tuple(formats)
        super().__init__(
            {
                "i": In(stream.Signature(combine_job(tile, label))),
                "busy": Out(1),
                "valid": Out(1),
                "label": Out(label),
                "result": Out(tile.link_bits),
            }
        )

    def elaborate(self, platform):
        m = Module()
        stages, bits = self._stages, self._tile.link_bits
        deep = in_flight(stages)
        self._lanes = []
        for index in range(bits // 32):
            lane = ReduceLane(stages=stages, formats=self._formats)
            m.submodules[f"lane{index}"] = once(platform, "reduce_lane", lane)
            self._lanes.append(lane)
        waiting = data.StructLayout({"label": self._label, "fmt": 3, "third": 1})
        second = data.StructLayout({"d": bits, "e": bits, "fmt": 3, "third": 1})
        # Neither can ever be full: a job that takes two passes takes two of the pipeline's slots.
        m.submodules.labels = self._labels = Fifo(shape=waiting, depth=deep)
        m.submodules.seconds = self._seconds = Fifo(shape=second, depth=2 * stages)
        # Bit k of `due`: a result in k cycles; of `again`: a job starts its second pass in k
        # cycles.
        self._due, self._again = Signal(deep, name="due"), Signal(2 * stages, name="again")
        # Of the job that is offered: a sum, starts in this cycle, cycles until its result.
        self._is_sum, self._start = Signal(name="is_sum"), Signal(name="start")
        self._wait = Signal(range(deep), name="wait")

        self._schedule(m)
        self._keep(m)
        self._steer(m, self._passes(m))
        self._collect(m)
        return m

    def _schedule(self, m):
        """When a job may start and when its result is due."""
        job, stages = self.i.payload, self._stages
        due, again, is_sum = self._due, self._again, self._is_sum
        start, wait = self._start, self._wait
        m.d.comb += is_sum.eq((job.op == ReduceOp.SUM) & (job.count != 1))
        with m.If(is_sum), m.Switch(job.count):
            for count in range(2, 6):
                with m.Case(count):
                    waits = (
                        combine_cycles(ReduceOp.SUM, fmt, count, stages)
                        for fmt in (Format.FP16, Format.FP32)
                    )
                    m.d.comb += wait.eq(Mux(job.fmt != Format.FP32, *waits))
        m.d.comb += [
            self.i.ready.eq(~(is_sum & again[0]) & ((due >> wait) == 0)),
            start.eq(self.i.valid & self.i.ready & is_sum),
            self.busy.eq(due.any() | again.any()),
        ]
        m.d.sync += [
            due.eq(due[1:] | (start << wait)[1:]),
            again.eq(Cat(again[1:], start & (job.count > 3))),
        ]

    def _keep(self, m):
        """Labels wait for their results, words for their second pass."""
        job, labels, seconds = self.i.payload, self._labels, self._seconds
        m.d.comb += [
            labels.i.valid.eq(self._start & (self._wait != 0)),
            labels.i.payload.label.eq(job.label),
            labels.i.payload.fmt.eq(job.fmt),
            labels.i.payload.third.eq(job.count[0]),
            labels.o.ready.eq(self._due[0]),
            seconds.i.valid.eq(self._start & (job.count > 3)),
            seconds.i.payload.fmt.eq(job.fmt),
            seconds.i.payload.third.eq(job.count[0]),
            seconds.i.payload.d.eq(job.d),
            seconds.i.payload.e.eq(job.e),
            seconds.o.ready.eq(self._again[0]),
        ]

    def _passes(self, m) -> list:
        """Which sums are in cycle k of their pass, for every k."""
        job, rest, again = self.i.payload, self._seconds.o.payload, self._again[0]
        passing = data.StructLayout({"go": 1, "third": 1, "narrow": 1, "last": 1})
        entering = Signal(passing)
        m.d.comb += entering.go.eq(self._start | again)
        with m.If(again):
            m.d.comb += [
                entering.third.eq(rest.third),
                entering.narrow.eq(rest.fmt != Format.FP32),
                entering.last.eq(1),
            ]
        with m.Elif(self._start):
            m.d.comb += [
                entering.third.eq(job.count > 2),
                entering.narrow.eq(job.fmt != Format.FP32),
                entering.last.eq(job.count <= 3),
            ]
        here = [entering, *(Signal(passing, name=f"pass{k}") for k in range(1, 2 * self._stages))]
        m.d.sync += [after.eq(before) for before, after in pairwise(here)]
        return here

    def _steer(self, m, here):
        job, stages, late = self.i.payload, self._stages, self._labels.o.payload
        go = Cat(one.go & (one.third if k >= stages else 1) for k, one in enumerate(here))
        narrow = Cat(one.narrow for one in here)
        third = Cat(one.go & one.third for one in here[:stages])
        middle, end = here[stages - 1], here[-1]
        for index, lane in enumerate(self._lanes):
            m.d.comb += [
                lane.go.eq(go),
                lane.go_narrow.eq(go & narrow),
                lane.third.eq(third),
                lane.third_narrow.eq(third & narrow),
                lane.hold.eq(end.go & end.third & ~end.last),
                lane.keep[0].eq(middle.go & ~middle.third & middle.last & middle.narrow),
                lane.keep[1].eq(end.go & end.third & end.last & end.narrow),
                lane.round.eq(self._due[0] & (late.fmt != Format.FP32)),
                lane.round_fmt.eq(late.fmt),
                lane.compare.eq(self.i.valid & (job.op == ReduceOp.MAX) & (job.count != 1)),
                lane.count.eq(job.count),
                lane.again.eq(self._again[0]),
            ]
            self._feed(m, lane, slice(32 * index, 32 * index + 32))

    def _feed(self, m, lane, part):
        """Words for a lane: those of a second pass, or of the job."""
        job, rest = self.i.payload, self._seconds.o.payload
        with m.If(self._again[0]):
            m.d.comb += [
                lane.fmt.eq(rest.fmt),
                lane.b.eq(rest.d[part]),
                lane.c.eq(rest.e[part]),
            ]
        with m.Elif(self.i.valid & (job.count != 1)):
            m.d.comb += [
                lane.fmt.eq(job.fmt),
                *(getattr(lane, name).eq(job[name][part]) for name in "abcde"),
            ]

    def _collect(self, m):
        job, late = self.i.payload, self._labels.o.payload

        def result(name):
            return self.result.eq(Cat(getattr(lane, name) for lane in self._lanes))

        with m.If(self._due[0]):
            m.d.comb += [self.valid.eq(1), self.label.eq(late.label)]
            with m.If(late.fmt != Format.FP32):
                m.d.comb += result("rounded")
            with m.Elif(late.third):
                m.d.comb += result("sum3")
            with m.Else():
                m.d.comb += result("sum2")
        with m.Elif(self.i.valid & self.i.ready & (self._wait == 0)):
            m.d.comb += [self.valid.eq(1), self.label.eq(job.label)]
            with m.If(job.count == 1):
                m.d.comb += self.result.eq(job.a)
            with m.Elif(self._is_sum):
                m.d.comb += result("sum2")
            with m.Else():
                m.d.comb += result("maximum")
