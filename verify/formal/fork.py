"""Fork: each branch exactly once and in order, done exactly when all have had it, no branch blocks
another.
"""

from amaranth.hdl import Cat, Mux, Signal

from hw.network.fork import Fork
from verify.formal.harness import Claim, Fault, Harness

__all__ = ["ForkHarness"]


class ForkHarness(Harness):
    """Any items that stay until they are done, any branches that take what they are offered, or
    never do.

    A second fork gets the same items; its last branch does what the first one's does, and its
    others are blocked forever.
    """

    claims = (
        Claim(
            "once",
            "when an item leaves, each branch of its mask has had it exactly once, and no other "
            "branch had it",
            Fault(Fork.elaborate, "served.eq(served | self.taken)", "served.eq(self.taken)"),
        ),
        Claim(
            "order",
            "the n-th item that a branch takes is the n-th whose mask has it",
            Fault(
                Fork.elaborate,
                "self.done.eq((self.pending & ~self.taken) == 0)",
                "self.done.eq(self.taken != 0)",
            ),
        ),
        Claim(
            "done",
            "an item leaves in the very cycle in which its last branch takes it, an empty mask "
            "at once",
            Fault(
                Fork.elaborate,
                "self.done.eq((self.pending & ~self.taken) == 0)",
                "self.done.eq(self.pending == 0)",
            ),
        ),
        Claim(
            "apart",
            "what a branch is offered does not depend on what its siblings took",
            Fault(
                Fork.elaborate,
                "served.eq(served | self.taken)",
                "served.eq(served | self.taken & (served == 0).replicate(self.branches))",
            ),
        ),
        Claim(
            "throughput", "an item for all branches leaves in each of 4 cycles on end", reach=True
        ),
        Claim("one by one", "the branches take an item one by one, the last one first", reach=True),
    )

    def __init__(self, branches: int):
        self.name = f"fork-{branches}"
        self.subject = f"Fork, {branches} branches"
        self.branches = branches

    def build(self, s):
        """Count what each branch had, and compare with a fork whose other branches are blocked."""
        m, n = s.m, self.branches
        m.submodules.dut = dut = Fork(branches=n)
        s.free(dut.valid, dut.mask, dut.taken)
        kept = s.before(dut.valid & ~dut.done)
        s.assume(~kept | dut.valid & (dut.mask == s.before(dut.mask)))
        s.assume((dut.taken & ~dut.pending) == 0)
        served = s.peek("dut.served", n)

        # Per branch: copies of the item that is there, items with the branch in their mask, items
        # it took. The last two modulo 8.
        once, order, had = [], [], Signal(n)
        for b in range(n):
            copies, wanted, took = (
                Signal(2, name=f"copies_{b}"),
                Signal(3, name=f"wanted_{b}"),
                Signal(3, name=f"took_{b}"),
            )
            takes = dut.taken[b]
            m.d.sync += [
                copies.eq(Mux(dut.done, 0, copies + takes)),
                took.eq(took + takes),
                had[b].eq(~dut.done & (had[b] | takes)),
            ]
            with m.If(dut.done):
                m.d.sync += wanted.eq(wanted + dut.mask[b])
            once.append(~dut.done | (copies + takes == dut.mask[b]))
            # The item that is there is number `wanted`; a branch takes it when it has had all
            # before it and no later one.
            order.append(~takes | (took == wanted))
            s.lemma(
                (copies == served[b]) & (took == (wanted + served[b])[:3]) & (had[b] == served[b])
            )
        s.lemma(kept | (served == 0))
        s.lemma(~kept | ((served & ~s.before(dut.mask)) == 0))
        s.claim("once", Cat(once).all())
        s.claim("order", Cat(order).all())
        s.claim("done", dut.done == (dut.valid & ((dut.mask & ~had & ~dut.taken) == 0)))

        m.submodules.blocked = blocked = Fork(branches=n)
        first = Signal(init=1)
        with m.If(dut.done):
            m.d.sync += first.eq(0)
        m.d.comb += [
            blocked.valid.eq(dut.valid),
            blocked.mask.eq(dut.mask),
            blocked.taken[-1].eq(dut.taken[-1] & blocked.pending[-1]),
        ]
        s.claim("apart", ~first | (dut.pending[-1] == blocked.pending[-1]))
        s.lemma(~first | (s.peek("blocked.served", n) == (served & 1 << n - 1)))

        s.reach("throughput", s.run_of(dut.done & dut.mask.all(), 4))
        steps = [dut.taken == (1 << b) for b in reversed(range(n))]
        at = Signal(range(n + 1))
        m.d.sync += at.eq(
            Mux(Cat((at == index) & step for index, step in enumerate(steps)).any(), at + 1, 0)
        )
        s.reach("one by one", (at == n - 1) & steps[-1] & dut.mask.all())
