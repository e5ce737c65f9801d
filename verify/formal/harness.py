"""A component under proof: what surrounds it, what is claimed of it, and the faults that each claim
must notice.

A harness is emitted once per question: the lemmas alone, each claim under the lemmas, each claim
with its fault.
"""

import threading
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass

from amaranth.back import rtlil
from amaranth.hdl import (
    Assert,
    Assume,
    ClockDomain,
    Cover,
    Fragment,
    Module,
    Shape,
    Signal,
    Value,
    ValueLike,
)

from verify.formal.rewrite import replaced, rewritten

__all__ = ["Claim", "Fault", "Harness", "ProofDesign", "Surroundings", "elaborating", "emit"]

_one_at_a_time = threading.RLock()
"""A fault is seen by whoever elaborates hardware meanwhile."""
LEMMAS = "lemmas"
"""Name of the question whether the lemmas hold."""


@dataclass(frozen=True)
class Fault:
    """A deliberate fault: `old` in the source of the function `where`, which must be there exactly
    once, becomes `new`.
    """

    where: Callable
    old: str
    new: str

    def applied(self) -> AbstractContextManager[None]:
        """Run the body with the fault in place.

        Raises
        ------
        ValueError
            If the source no longer holds `old` once.
        """
        return replaced(self.where, rewritten(self.where, (self.old, self.new)))


@dataclass(frozen=True)
class Claim:
    """One property. With `reach` it says that something can happen; else that something always
    holds.

    `fault` must make it fail. A claim without one is its own witness: what it reaches.
    `bounded` counts the steps of a proof that is not for all time.
    """

    name: str
    says: str
    fault: Fault | None = None
    reach: bool = False
    bounded: int | None = None

    def __post_init__(self):
        if self.fault is None and not self.reach:
            raise ValueError(f"Claim {self.name!r} must have a fault that breaks it")


@dataclass(frozen=True)
class ProofDesign:
    """Text of a question for Yosys: RTLIL of module ``top``, and ports to connect to internal
    signals.
    """

    rtlil: str
    peeks: tuple[tuple[str, str], ...]


class Harness(ABC):
    """A component in surroundings that may do anything they are allowed to.

    Attributes
    ----------
    name : str
        What a user types.
    subject : str
        The component and the sizes it is proved with.
    claims : tuple of Claim
        Each is stated once by `build`.
    induction : int
        Steps of the induction.
    combinational : bool
        There is no state: one step is all there is.
    reach_within : int
        Steps within which claims with `reach` must happen.
    """

    name: str
    subject: str
    claims: tuple[Claim, ...]
    induction = 1
    combinational = False
    reach_within = 20

    @abstractmethod
    def build(self, s: "Surroundings") -> None:
        """Place the component, drive its inputs, state assumptions, lemmas and claims."""

    def claim(self, name: str) -> Claim:
        """The claim of that name."""
        return next(claim for claim in self.claims if claim.name == name)


class Surroundings:
    """Collects what a harness states, and asserts only what is asked for."""

    def __init__(self, question: str, *, lemmas: bool):
        self.m = Module()
        self.m.domains.sync = self._domain = ClockDomain(reset_less=True)
        self.started = Signal()
        """0 in the first cycle only."""
        self.m.d.sync += self.started.eq(1)
        self._question = question
        self._use_lemmas = lemmas
        self._ports: list[Value] = [self._domain.clk]
        self._peeks: dict[str, str] = {}
        self.stated: list[str] = []
        self.lemmas = 0

    def free(self, *signals: ValueLike) -> None:
        """Leave signals that nobody drives to the solver: any value in each cycle."""
        self._ports += [Value.cast(signal) for signal in signals]

    def any(self, shape, name: str):
        """Return a new signal with any value in each cycle."""
        signal = Signal(shape, name=name)
        self.free(signal)
        return signal

    def constant(self, shape, name: str):
        """Return a new signal with any value, the same in all cycles."""
        signal = self.any(shape, name)
        self.assume(~self.started | (Value.cast(signal) == self.before(signal)))
        return signal

    def before(self, value: ValueLike) -> Signal:
        """Return what `value` was in the cycle before; 0 in the first cycle."""
        value = Value.cast(value)
        register = Signal(value.shape())
        self.m.d.sync += register.eq(value)
        return register

    def peek(self, path: str, shape) -> Signal:
        """Return the signal `path` inside the harness, for example ``dut.level``: for lemmas,
        claims look at ports.
        """
        signal = self.any(shape, f"peek{len(self._peeks)}")
        self._peeks[signal.name] = path
        return signal

    def assume(self, condition: ValueLike) -> None:
        """Restrict the surroundings."""
        self.m.d.comb += Assume(condition)

    def lemma(self, condition: ValueLike) -> None:
        """What holds in every state: proved first, by induction, and then assumed in the proofs of
        the claims.
        """
        self.lemmas += 1
        if self._question == LEMMAS:
            self.m.d.comb += Assert(condition)
        elif self._use_lemmas:
            self.m.d.comb += Assume(condition)

    def claim(self, name: str, condition: ValueLike) -> None:
        """State a claim."""
        self.stated.append(name)
        if name == self._question:
            self.m.d.comb += Assert(condition)

    def reach(self, name: str, condition: ValueLike) -> None:
        """State what can happen."""
        self.stated.append(name)
        if name == self._question:
            self.m.d.comb += Cover(condition)

    def held(self, stream) -> Value:
        """Whether what the stream offered and nobody took in the cycle before is still offered."""
        waiting = self.before(stream.valid & ~stream.ready)
        payload = Value.cast(stream.payload)
        return ~waiting | stream.valid & (payload == self.before(payload))

    def run_of(self, condition: ValueLike, cycles: int) -> Value:
        """Whether `condition` has held for `cycles` cycles up to now."""
        count = Signal(range(cycles + 1))
        now = Signal()
        self.m.d.comb += now.eq(condition)
        with self.m.If(~now):
            self.m.d.sync += count.eq(0)
        with self.m.Elif(count != cycles):
            self.m.d.sync += count.eq(count + 1)
        return now & (count >= cycles - 1)

    def design(self) -> ProofDesign:
        """Emit."""
        # Zero-width ports do not exist.
        ports = [port for port in self._ports if Shape.cast(port.shape()).width]
        text = rtlil.convert(Fragment.get(self.m, None), name="top", ports=ports, emit_src=False)
        return ProofDesign(text, tuple(self._peeks.items()))


@contextmanager
def elaborating(fault: Fault | None) -> Iterator[None]:
    """Elaborate hardware in the body, with the fault if there is one; threads do so one at
    a time.
    """
    with _one_at_a_time, fault.applied() if fault else nullcontext():
        yield


def emit(harness: Harness, question: str, *, fault: Fault | None = None) -> ProofDesign | None:
    """Design of one question: the name of a claim, or `LEMMAS` (None if the harness has none).

    With a fault, the claim must stand alone, for the lemmas are about the right design.
    """
    s = Surroundings(question, lemmas=fault is None)
    with elaborating(fault):
        harness.build(s)
        if sorted(s.stated) != sorted(claim.name for claim in harness.claims):
            raise ValueError(
                f"Harness {harness.name!r} must state each of its claims once, not {s.stated}"
            )
        design = s.design()
    return None if question == LEMMAS and not s.lemmas else design
