"""Proves the claims of a harness, and shows that each of them would notice its fault."""

from dataclasses import dataclass

from verify.formal.harness import LEMMAS, Claim, Harness, emit
from verify.formal.solve import Answer, ask

__all__ = ["Proof", "prove"]

FAULT_WITHIN = 24
"""Cycles within which a fault must be noticed."""


@dataclass(frozen=True)
class Proof:
    """What is known of a claim.

    `method` is "induction" (for all time), "all inputs" (no state: for all time too), "bounded"
    (the first `depth` cycles), "reached" (in cycle `depth`) or "structure" (no such path in the
    netlist). `caught` is None where there is no fault.
    """

    module: str
    subject: str
    name: str
    says: str
    method: str
    depth: int
    holds: bool
    caught: bool | None
    caught_at: int | None
    seconds: float
    trace: str = ""

    @property
    def good(self) -> bool:
        """Proved, and not vacuous."""
        return self.holds and self.caught is not False


def prove(harness: Harness, claim: Claim) -> Proof:
    """Answer for one claim. The lemmas of its harness are asked each time, and found among the
    stored answers.
    """
    method, depth, holds, trace, seconds = _holds(harness, claim)
    caught = caught_at = None
    if claim.fault is not None:
        design = emit(harness, claim.name, fault=claim.fault)
        assert design is not None
        within = 1 if harness.combinational else FAULT_WITHIN
        answer = ask(design, "reach" if claim.reach else "base", within)
        caught, seconds = not answer.holds, seconds + answer.seconds
        caught_at = answer.step if caught and not claim.reach else None
    return Proof(
        harness.name,
        harness.subject,
        claim.name,
        claim.says,
        method,
        depth,
        holds,
        caught,
        caught_at,
        seconds,
        trace,
    )


def _holds(harness: Harness, claim: Claim) -> tuple[str, int, bool, str, float]:
    design = emit(harness, claim.name)
    assert design is not None
    if claim.reach:
        answer = ask(design, "reach", harness.reach_within)
        return "reached", answer.step, answer.holds, answer.folder, answer.seconds
    if harness.combinational:
        answer = ask(design, "base", 1)
        return "all inputs", 1, answer.holds, answer.folder, answer.seconds
    if claim.bounded:
        answer = ask(design, "base", claim.bounded)
        return "bounded", claim.bounded, answer.holds, answer.folder, answer.seconds
    lemmas = emit(harness, LEMMAS)
    answers: list[Answer] = []
    for part in (lemmas, design) if lemmas else (design,):
        for mode, steps in (("base", harness.induction + 1), ("induction", harness.induction)):
            answers.append(ask(part, mode, steps))
    wrong = next((answer for answer in answers if not answer.holds), None)
    seconds = sum(answer.seconds for answer in answers)
    depth = max(answer.step for answer in answers[1::2])
    return "induction", depth, wrong is None, wrong.folder if wrong else "", seconds
