"""Arbiter: one-hot, only to requesters, never withdrawn, and a bound on the wait."""

from amaranth.hdl import Cat, Const, Mux, Signal

from hw.network.arbiter import Arbiter
from verify.formal.harness import Claim, Fault, Harness

__all__ = ["ArbiterHarness"]

_TAKEN = "locked.eq(Mux(self.taken, 0, self.grant))"


class ArbiterHarness(Harness):
    """Any requests that stay until they are taken, as the contract says and as the router's lemmas
    prove of its own.
    """

    claims = (
        Claim(
            "one_hot",
            "one grant when there is a request, none without",
            Fault(Arbiter.elaborate, "first & -first", "first"),
        ),
        Claim(
            "requester",
            "only a requester is granted",
            Fault(
                Arbiter.elaborate,
                "Mux(locked != 0, locked, first & -first)",
                "Mux(locked != 0, locked, 1)",
            ),
        ),
        Claim(
            "held",
            "a grant stays until it is taken, whoever comes in between",
            Fault(Arbiter.elaborate, _TAKEN, "locked.eq(0)"),
        ),
        Claim(
            "fair",
            "a request waits for at most inputs - 1 others",
            Fault(
                Arbiter.elaborate, "Mux(preferred != 0, preferred, self.request)", "self.request"
            ),
        ),
        Claim(
            "throughput",
            "a grant taken in each of 2 x inputs cycles on end, with all inputs requesting",
            reach=True,
        ),
    )

    def __init__(self, inputs: int):
        self.name = f"arbiter-{inputs}"
        self.subject = f"Arbiter, {inputs} inputs"
        self.inputs = inputs

    def build(self, s):
        """Count whom each request waits for."""
        m, n = s.m, self.inputs
        m.submodules.dut = dut = Arbiter(inputs=n)
        s.free(dut.request, dut.taken)
        served = Mux(dut.taken, dut.grant, 0)
        waiting = Signal(n)
        m.d.sync += waiting.eq(dut.request & ~served)
        s.assume((waiting & ~dut.request) == 0)

        s.claim(
            "one_hot",
            ((dut.grant != 0) == (dut.request != 0)) & ((dut.grant & (dut.grant - 1)) == 0),
        )
        s.claim("requester", (dut.grant & ~dut.request) == 0)
        offered = s.before(dut.grant & ~served)
        s.claim("held", (offered == 0) | (dut.grant == offered))

        # Others that were served since input i began to wait, and how many may still be before it.
        locked, after = s.peek("dut.locked", n), s.peek("dut.after", n)
        one_hot = (locked & (locked - 1)) == 0
        # `after` are the inputs above the last one chosen; input 0 comes first after the last one,
        # as after reset.
        ranges = [after == (-(2 << last) & (1 << n) - 1) for last in range(n)]
        s.lemma(Cat(ranges).any())
        s.lemma(one_hot & ((locked & ~waiting) == 0))
        s.lemma((locked == 0) | Cat(ranges[i] & locked[i] for i in range(n)).any())
        fair, runs = [], 2 * n
        for i in range(n):
            passed = Signal(range(n + 2), name=f"passed_{i}")
            others = (served & ~Const(1 << i, n)) != 0
            m.d.sync += passed.eq(Mux(dut.request[i] & ~served[i], passed + others, 0))
            fair.append(passed + (dut.request[i] & others) <= n - 1)
            for last in range(n):
                ahead = (i - last - 1) % n
                s.lemma(
                    ~(waiting[i] & ranges[last])
                    | (passed + Mux(locked[last], ~locked[i], 0) + ahead < n)
                    | locked[i]
                )
            s.lemma(~locked[i] | (passed < n))
            s.lemma(waiting[i] | (passed == 0))
        s.claim("fair", Cat(fair).all())
        s.reach("throughput", s.run_of(dut.request.all() & dut.taken, runs))
