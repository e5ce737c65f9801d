"""The pipeline that combines the words which meet in a router of the reduction network."""

from amaranth import Cat, Module, Mux, Signal
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out

from hw.network.fifo import Fifo
from hw.network.lane import Fp32Lane
from isa.instructions import ReduceOp
from isa.machine import Tile

__all__ = ["Combine", "combine_job"]

ADD = Fp32Lane.latency
_PASS = 1 + 2 * ADD
"""Cycles from the start of a sum to the end of the second adder."""
LATENCY = {
    ReduceOp.SUM: {1: 0, 2: 1 + ADD, 3: _PASS, 4: _PASS + 1 + ADD, 5: 2 * _PASS},
    ReduceOp.MAX: {1: 0, 2: 1, 3: 1, 4: 2, 5: 2},
}
"""Cycles from operands to result, by operation and number of operands."""
IN_FLIGHT = _PASS + 1
"""Results that can be on their way at a time: two passes take two slots of the pipeline."""

_MAXIMUM, _SUM2, _SUM3 = range(3)


def combine_job(tile: Tile, label) -> data.StructLayout:
    """Up to five words to combine from left to right, `a` first, and a label that comes out with the result."""
    words = {name: tile.link_bits for name in "abcde"}
    return data.StructLayout({"label": label, "op": 1, "count": 3, **words})


class Combine(wiring.Component):
    """Sum or maximum of 1 to 5 words, element by element, with two adders an element.

    The result comes `LATENCY` cycles after the transfer, in the same cycle for one word, and must be taken. Results keep the
    order of the transfers: a job whose result would overtake or meet an earlier one is not ``ready`` yet. Up to three words:
    a job a cycle. Four or five words go through the adders twice: a job every other cycle.

    Parameters
    ----------
    tile : Tile
        Bits of a word.
    label : :class:`ShapeLike`
        Shape of the label.

    Members
    -------
    i : ``In(stream(combine_job))``
        Jobs. ``ready`` depends on ``op`` and ``count`` of the payload.
    valid : ``Out(1)``
        There is a result in this cycle.
    label, result : ``Out``
        The result and its label.
    """

    def __init__(self, *, tile: Tile, label):
        self._tile = tile
        self._label = label
        super().__init__(
            {
                "i": In(stream.Signature(combine_job(tile, label))),
                "valid": Out(1),
                "label": Out(label),
                "result": Out(tile.link_bits),
            }
        )

    def elaborate(self, platform):
        m = Module()
        job = self.i.payload
        maximum = job.op == ReduceOp.MAX
        lanes = []
        for index in range(self._tile.link_bits // 32):
            m.submodules[f"lane{index}"] = lane = Fp32Lane()
            lanes.append(lane)
        waiting = data.StructLayout({"label": self._label, "source": 2})
        second = data.StructLayout({"maximum": 1, "three": 1, "d": self._tile.link_bits, "e": self._tile.link_bits})
        # Neither can ever be full: two-pass jobs take two of the pipeline's slots.
        m.submodules.labels = labels = Fifo(shape=waiting, depth=IN_FLIGHT)
        m.submodules.seconds = seconds = Fifo(shape=second, depth=_PASS)

        # Control. Bit k of `due`: a result in k cycles; of `again`: a job starts its second pass in k cycles.
        due, again = Signal(2 * _PASS), Signal(_PASS)
        start = Signal()
        sources = {1: _MAXIMUM, 2: _SUM2, 3: _SUM3, 4: _SUM2, 5: _SUM3}
        add_due, add_again, source = Signal.like(due), Signal.like(again), Signal(2)
        with m.If(~again[0]):
            for op in ReduceOp:
                with m.If(job.op == op):
                    with m.Switch(job.count):
                        for count, latency in LATENCY[op].items():
                            with m.Case(count):
                                m.d.comb += self.i.ready.eq(due[latency:] == 0)
        with m.If(self.i.valid & self.i.ready):
            m.d.comb += start.eq(job.count != 1)
            for op in ReduceOp:
                with m.If(job.op == op):
                    with m.Switch(job.count):
                        for count, latency in LATENCY[op].items():
                            with m.Case(count):
                                if latency:
                                    m.d.comb += add_due[latency - 1].eq(1)
                                if count > 3:
                                    m.d.comb += add_again[0 if op == ReduceOp.MAX else _PASS - 1].eq(1)
                                m.d.comb += source.eq(_MAXIMUM if op == ReduceOp.MAX else sources[count])
        m.d.sync += [due.eq(due[1:] | add_due), again.eq(again[1:] | add_again)]
        m.d.comb += [
            labels.i.valid.eq(start),
            labels.i.payload.label.eq(job.label),
            labels.i.payload.source.eq(source),
            labels.o.ready.eq(due[0]),
            seconds.i.valid.eq(start & (job.count > 3)),
            seconds.i.payload.maximum.eq(maximum),
            seconds.i.payload.three.eq(job.count == 5),
            seconds.i.payload.d.eq(job.d),
            seconds.i.payload.e.eq(job.e),
            seconds.o.ready.eq(again[0]),
        ]

        # Who is where: sums in the first adder, on their way to and in the second.
        first, third, compare, three = Signal(ADD), Signal(2 * ADD), Signal(), Signal()
        enter, enter_maximum, enter_three = Signal(), Signal(), Signal()
        m.d.comb += enter.eq(start | again[0])
        with m.If(again[0]):
            m.d.comb += [enter_maximum.eq(seconds.o.payload.maximum), enter_three.eq(seconds.o.payload.three)]
        with m.Else():
            m.d.comb += [enter_maximum.eq(maximum), enter_three.eq(job.count > 2)]
        m.d.sync += [
            first.eq(Cat(enter & ~enter_maximum, first)),
            third.eq(Cat(enter & ~enter_maximum & enter_three, third)),
            compare.eq(enter & enter_maximum),
        ]
        with m.If(enter):
            m.d.sync += three.eq(enter_three)

        # Datapath.
        for index, lane in enumerate(lanes):
            part = slice(32 * index, 32 * index + 32)
            m.d.comb += [
                lane.load.eq(enter),
                lane.compare.eq(compare),
                lane.three.eq(three),
                lane.add.eq(Cat(first != 0, third[ADD:] != 0)),
                lane.shift.eq(third[:ADD]),
            ]
            with m.If(again[0]):
                m.d.comb += [
                    lane.a.eq(Mux(seconds.o.payload.maximum, lane.maximum, lane.sum3)),
                    lane.b.eq(seconds.o.payload.d[part]),
                    lane.c.eq(seconds.o.payload.e[part]),
                ]
            with m.Elif(start):
                m.d.comb += [lane.a.eq(job.a[part]), lane.b.eq(job.b[part]), lane.c.eq(job.c[part])]
        with m.If(due[0]):
            m.d.comb += [self.valid.eq(1), self.label.eq(labels.o.payload.label)]
            with m.Switch(labels.o.payload.source):
                for value, name in ((_MAXIMUM, "maximum"), (_SUM2, "sum2"), (_SUM3, "sum3")):
                    with m.Case(value):
                        m.d.comb += self.result.eq(Cat(getattr(lane, name) for lane in lanes))
        with m.Else():
            m.d.comb += [
                self.valid.eq(self.i.valid & self.i.ready & ~start),
                self.label.eq(job.label),
                self.result.eq(job.a),
            ]
        return m
