"""Join: only full sets of equal headers complete, at their lowest input; the mismatch flag says
what it should, no more.
"""

from amaranth.hdl import Cat, Const, Signal

from hw.network.join import Join
from isa.packets import Port
from verify.formal.harness import Claim, Fault, Harness

__all__ = ["JoinHarness"]

_HEADER = 3
"""Bits of a header, enough for five different ones. The join compares headers, and nothing else."""
_OTHERS = "~inputs[q] | heads[q].valid & same[p, q]"


class JoinHarness(Harness):
    """Any heads at the five inputs. What a header determines, set of inputs, collective and tag, is
    equal for equal headers.
    """

    name = "join"
    subject = "Join, 5 inputs"
    claims = (
        Claim(
            "full",
            "a set is complete only with all of its inputs there, all of them with the same header",
            Fault(Join.elaborate, _OTHERS, "~inputs[q] | heads[q].valid"),
        ),
        Claim(
            "prompt",
            "it is complete as soon as they are, at its lowest input and only there",
            Fault(Join.elaborate, "(inputs[: p + 1] == 1 << p)", "inputs[p]"),
        ),
        Claim(
            "disjoint",
            "no input belongs to two complete sets",
            Fault(
                Join.elaborate,
                _OTHERS,
                "~inputs[q] | heads[q].valid & (same[p, q] | heads[q].inputs[q])",
            ),
        ),
        Claim(
            "mismatch",
            "flagged if and only if two heads wait for each other, reuse a tag, or one is at an "
            "input outside its set",
            Fault(Join.elaborate, "heads[p].inputs[q] & heads[q].inputs[p]", "heads[p].inputs[q]"),
        ),
        Claim(
            "blame",
            "a mismatch names one input, which has one",
            Fault(
                Join.elaborate,
                "self.mismatch_port.eq(wrong & -wrong)",
                "self.mismatch_port.eq(wrong)",
            ),
        ),
        Claim("five", "all five inputs complete a set", reach=True),
        Claim("two sets", "two sets of two are complete in the same cycle", reach=True),
    )

    def build(self, s):
        """Say what is complete and what is a mismatch once more, pair by pair."""
        m, ports = s.m, range(len(Port))
        m.submodules.dut = dut = Join(header=_HEADER, collective=2)
        s.free(*dut.heads)
        heads = list(dut.heads)
        for p in ports:
            for q in ports[p + 1 :]:
                same = (heads[p].inputs == heads[q].inputs) & (heads[p].tag == heads[q].tag)
                same &= heads[p].collective == heads[q].collective
                s.assume((heads[p].header != heads[q].header) | same)

        full, prompt, disjoint, wrong = [], [], [], []
        for p, head in enumerate(heads):
            there = [
                ~head.inputs[q] | heads[q].valid & (heads[q].header == head.header) for q in ports
            ]
            ready = head.valid & head.inputs[p] & Cat(there).all()
            lowest = (head.inputs & Const((1 << p) - 1, len(Port))) == 0
            full.append(~dut.complete[p] | ready)
            prompt.append(dut.complete[p] == (ready & lowest))
            clashes = [head.valid & ~head.inputs[p]]
            for q in ports:
                both = head.valid & heads[q].valid
                if q != p:
                    disjoint.append(
                        ~(dut.complete[p] & dut.complete[q])
                        | ((head.inputs & heads[q].inputs) == 0)
                    )
                    waiting = head.inputs[q] & heads[q].inputs[p] & (head.header != heads[q].header)
                    reused = (head.tag == heads[q].tag) & (head.collective != heads[q].collective)
                    clashes.append(both & (waiting | reused))
            wrong.append(Cat(clashes).any())
        s.claim("full", Cat(full).all())
        s.claim("prompt", Cat(prompt).all())
        s.claim("disjoint", Cat(disjoint).all())
        were = s.before(Cat(wrong))
        blamed = dut.mismatch_port
        s.claim("mismatch", dut.mismatch == (were != 0))
        one = (blamed & (blamed - 1)) == 0
        s.claim("blame", (dut.mismatch == (blamed != 0)) & one & ((blamed & ~were) == 0))
        s.reach("five", dut.complete[0] & heads[0].inputs.all())
        pairs = Signal(2)
        m.d.comb += pairs.eq(
            Cat(
                dut.complete[0] & (heads[0].inputs == 0b00011),
                dut.complete[3] & (heads[3].inputs == 0b11000),
            )
        )
        s.reach("two sets", pairs.all())
