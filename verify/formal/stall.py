"""Stall: what the tests put into a link delays, and does nothing else."""

from hw.sim.stall import Stall
from verify.formal.harness import Claim, Fault, Harness

__all__ = ["StallHarness"]


class StallHarness(Harness):
    """Any stream that keeps what it offers, any rate, any state of the random sequence."""

    name = "stall"
    subject = "Stall"
    claims = (
        Claim(
            "held",
            "what is offered stays, with its payload, until it is taken, also when a cycle is to "
            "be refused",
            Fault(Stall.elaborate, "self.load | offered |", "self.load |"),
        ),
        Claim(
            "same",
            "an item goes in exactly when it comes out, unchanged",
            Fault(
                Stall.elaborate,
                "self.i.ready.eq(self.o.ready & passing)",
                "self.i.ready.eq(self.o.ready)",
            ),
        ),
        Claim("stalls", "it refuses three cycles on end what both sides want", reach=True),
    )

    def build(self, s):
        """Compare both ends."""
        s.m.submodules.dut = dut = Stall(shape=8, seed=1)
        s.free(dut.i.valid, dut.i.payload, dut.o.ready, dut.rate, dut.seed, dut.load)
        s.assume(s.held(dut.i))
        s.lemma(s.peek("dut.offered", 1) == s.before(dut.o.valid & ~dut.o.ready))
        s.claim("held", s.held(dut.o))
        moves = dut.o.valid & dut.o.ready
        s.claim(
            "same",
            ((dut.i.valid & dut.i.ready) == moves) & (~moves | (dut.o.payload == dut.i.payload)),
        )
        s.reach("stalls", s.run_of(dut.i.valid & dut.o.ready & ~moves, 3))
