"""Control of the combining pipeline: results come in order, each once and on time; arithmetic is
not looked at.
"""

from amaranth.hdl import Array, Cat, Const, Mux, Signal
from amaranth.lib import data

from hw.network.combine import Combine, in_flight
from isa.instructions import Format, ReduceOp
from isa.machine import MACHINES
from isa.timing import combine_cycles
from verify.formal.fifo import modulo, stored
from verify.formal.harness import Claim, Fault, Harness

__all__ = ["CombineHarness"]

_NUMBER = 4
"""Bits of the numbers of jobs; more are never inside."""


class CombineHarness(Harness):
    """Any jobs of 1 to 5 words, numbered by their labels; one of them, any one, is timed."""

    claims = (
        Claim(
            "order",
            "results come in the order of their jobs, each once",
            Fault(Combine._schedule, "((due >> wait) == 0)", "~due[0]"),
        ),
        Claim(
            "time",
            "a result comes exactly `latency` cycles after its job was taken",
            Fault(Combine._schedule, "(start << wait)[1:]", "(start << wait)"),
        ),
        Claim(
            "rate",
            "jobs of one kind with up to three words are taken one a cycle",
            Fault(Combine._schedule, "((due >> wait) == 0)", "(due == 0)"),
        ),
        Claim(
            "second pass",
            "what waits for its second pass is there when it starts, and has a place to wait",
            Fault(
                Combine._schedule,
                "Cat(again[1:], start & (job.count > 3))",
                "Cat(again[1:], start & (job.count > 4))",
            ),
        ),
        Claim(
            "throughput", "a sum starts and another one ends in each of 8 cycles on end", reach=True
        ),
    )

    def __init__(self, stages: int):
        self.name = f"combine-{stages}"
        self.subject = f"Combine, adders of {stages} cycles"
        self.stages = stages

    def build(self, s):
        """Number the jobs, time one of them."""
        m, stages, deep = s.m, self.stages, in_flight(self.stages)
        machine = MACHINES["tiny"]
        # One lane instead of four: control does not look at words.
        tile = machine.tile.model_copy(update={"link_bits": 32})
        dut = Combine(tile=tile, label=_NUMBER, stages=stages, formats=machine.mesh.formats)
        m.submodules.dut = dut
        s.free(dut.i.valid, dut.i.payload)
        job, taken = dut.i.payload, dut.i.valid & dut.i.ready
        s.assume((job.count >= 1) & (job.count <= 5))
        number, expected = Signal(_NUMBER), Signal(_NUMBER)
        s.assume(job.label == number)
        m.d.sync += [number.eq(number + taken), expected.eq(expected + dut.valid)]
        s.claim("order", ~dut.valid | (dut.label == expected) & ((number != expected) | taken))

        wait = self.wait(m, job)
        follow, following, mine, left = (
            s.any(1, "follow"),
            Signal(),
            Signal(_NUMBER),
            Signal(range(deep + 1)),
        )
        with m.If(taken & follow & ~following & (wait != 0)):
            m.d.sync += [following.eq(1), mine.eq(number), left.eq(wait - 1)]
        with m.Elif(following):
            m.d.sync += [following.eq(left != 0), left.eq(left - 1)]
        at_once = taken & (wait == 0)
        s.claim(
            "time",
            (~(following & (left == 0)) | dut.valid & (dut.label == mine))
            & (~at_once | dut.valid & (dut.label == number)),
        )

        # All jobs so far of one kind.
        kind = Cat(job.op, job.fmt != Format.FP32, job.count)
        chosen, uniform, now = s.constant(5, "kind"), Signal(init=1), Signal()
        s.assume((chosen[2:] >= 1) & (chosen[2:] <= 3))
        m.d.comb += now.eq(uniform & (~dut.i.valid | (kind == chosen)))
        m.d.sync += uniform.eq(now)
        s.claim("rate", ~(now & dut.i.valid) | dut.i.ready)

        # Lemmas: one label for each result that is due, in order; one waiting pair of words for
        # each second pass.
        due, again = s.peek("dut.due", deep), s.peek("dut.again", 2 * stages)
        width = data.StructLayout({"label": _NUMBER, "fmt": 3, "third": 1}).size
        level, read, write, items = stored(s, "dut.labels", width, deep)
        s.lemma((level == _ones(due)) & (read < deep) & (write == modulo(read + level, deep)))
        for index in range(deep):
            label = Signal(width, name=f"label_{index}")
            m.d.comb += label.eq(items[modulo(read + index, deep)])
            s.lemma((level <= index) | (label[:_NUMBER] == (expected + index)[:_NUMBER]))
        s.lemma(number == (expected + level)[:_NUMBER])
        before = Array(_ones(due[:bit]) for bit in range(deep))[left]
        s.lemma(
            ~following
            | (left < deep) & due.bit_select(left, 1) & ((mine - expected)[:_NUMBER] == before)
        )
        steady = Signal.like(wait)
        m.d.comb += steady.eq(self.wait(m, data.View(_KIND, chosen)))
        s.lemma(~uniform | ((due >> steady) == 0) & (again == 0))
        seconds = s.peek("dut.seconds.level", (2 * stages).bit_length())
        s.lemma(seconds == _ones(again))
        pushes = taken & (job.op == ReduceOp.SUM) & (job.count > 3)
        s.claim("second pass", (~again[0] | (seconds != 0)) & (~pushes | (seconds != 2 * stages)))
        s.reach("throughput", s.run_of(taken & (wait != 0) & dut.valid, 8))

    def wait(self, m, job):
        """Latency of a job, as the contract has it."""
        found = Signal(range(in_flight(self.stages)))
        narrow = job.narrow if "narrow" in dict(job.shape()) else job.fmt != Format.FP32
        with m.If(job.op == ReduceOp.SUM), m.Switch(job.count):
            for count in range(1, 6):
                with m.Case(count):
                    cycles = (
                        combine_cycles(ReduceOp.SUM, fmt, count, self.stages)
                        for fmt in (Format.FP16, Format.FP32)
                    )
                    m.d.comb += found.eq(Mux(narrow, *cycles))
        return found


_KIND = data.StructLayout({"op": 1, "narrow": 1, "count": 3})


def _ones(bits):
    return sum((bit for bit in bits), Const(0, 1))
