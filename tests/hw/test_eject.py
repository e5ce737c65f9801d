"""Every arriving flit is written or passed on once, in order; its count follows its word; bad addresses are dropped."""

import random

import pytest

from hw.control.eject import Ejector
from hw.layouts import FlitKind, data_flit, reduce_flit
from isa.machine import MACHINES
from tests.hw.network.streams import Streams, fields

TILE = MACHINES["mesh4"].tile
SMALL = TILE.model_copy(update={"l1_bytes": 4096, "program_instructions": 16})
FLITS = {"data": data_flit(TILE), "reduce": reduce_flit(TILE)}
OUTPUTS = ("l1_data", "l1_reduce", "bump_data", "bump_reduce", "turned")


class Bench(Streams):
    """The ejector with its networks as inputs, and its L1 ports, counts and turned flits as outputs."""

    def __init__(self, tile=SMALL, **options):
        dut = Ejector(tile=tile)
        outputs = [dut.l1_data.req, dut.l1_reduce.req, dut.bump[0], dut.bump[1], dut.turned]
        super().__init__(dut, [dut.data, dut.reduce], outputs, **options)
        self.watch = {"program": dut.program.as_value(), "error": dut.error.as_value()}

    def transfers(self, name):
        return self.left[OUTPUTS.index(name)]

    def writes(self, name):
        """(addr, data) of the words written at an L1 port."""
        layout = self.outputs[OUTPUTS.index(name)].payload.shape()
        found = [fields(layout, value) for _, value in self.transfers(name)]
        assert all(request["write"] and request["mask"] == 1 for request in found)
        return [(request["addr"], request["data"] & (1 << SMALL.link_bits) - 1) for request in found]

    def pulses(self, name):
        """(cycle, addr, data) of each cycle in which the program port or the error output is valid."""
        values = enumerate(self.seen[name])
        return [(cycle, value >> 1 & 0xFFFF, value >> 17) for cycle, value in values if value & 1]


def random_flit(rng, name, *, bad):
    flit = {field: rng.getrandbits(layout.width) for field, layout in FLITS[name]}
    capacity = SMALL.l1_words
    if name == "data":
        flit["kind"] = rng.choice(list(FlitKind)).value
        capacity = {0: capacity, 1: 32, 2: 1 << 16}[flit["kind"]]
    flit["addr"] = capacity + rng.getrandbits(4) if rng.random() < bad and capacity < 1 << 16 else rng.randrange(capacity)
    return flit


@pytest.mark.parametrize("stall, gap", [(0.0, 0.0), (0.5, 0.3), (0.9, 0.0)])
def test_every_flit_does_what_it_says_once_and_in_order(stall, gap):
    rng = random.Random(f"{stall} {gap}")
    items = {name: [random_flit(rng, name, bad=0.1) for _ in range(120)] for name in FLITS}
    bench = Bench(stall=stall, gap=gap).run(list(items.values()), 3000 if stall > 0.5 else 800)
    written, programmed, bumped, lost, turned = {}, [], {}, [], []
    for name, flits in items.items():
        written[name], bumped[name] = [], []
        for flit in flits:
            kind, word = flit.get("kind", 0), (flit["addr"], flit["data"])
            if flit.get("turn"):
                turned.append({field: flit[field] for field, _ in FLITS["data"] if field != "kind"} | {"kind": 0})
                continue
            if flit["addr"] >= (SMALL.l1_words, 32, 1 << 16)[kind]:
                lost.append(flit["addr"])
                continue
            if kind < 2:
                (written[name] if kind == 0 else programmed).append(word)
            if flit["bump"]:
                bumped[name].append(flit["sem"])
    for name in items:
        assert bench.writes(f"l1_{name}") == written[name]
        assert [sem for _, sem in bench.transfers(f"bump_{name}")] == bumped[name]
    assert [(addr, data) for _, addr, data in bench.pulses("program")] == programmed
    assert bench.items(OUTPUTS.index("turned"), FLITS["data"]) == turned
    reported = [addr for _, addr, _ in bench.pulses("error")]
    # Two at a time are reported as one.
    assert reported and set(reported) <= set(lost) and len(lost) - 3 <= len(reported) <= len(lost)


@pytest.mark.parametrize("name", ["data", "reduce"])
def test_one_word_a_cycle_with_counts_that_follow(name):
    flits = [{"addr": i, "data": i, "bump": 1, "sem": i % 32} for i in range(20)]
    bench = Bench().run([flits if name == network else [] for network in FLITS], 30)
    arrived = bench.entered[list(FLITS).index(name)]
    assert arrived == list(range(20))
    assert [cycle for cycle, _ in bench.transfers(f"l1_{name}")] == [cycle + Ejector.latency for cycle in arrived]
    assert [cycle for cycle, _ in bench.transfers(f"bump_{name}")] == [cycle + Ejector.latency + 1 for cycle in arrived]


def test_a_count_waits_for_its_word():
    flits = [{"addr": 1}, {"addr": 2, "bump": 1, "sem": 9}]
    bench = Bench(stall={**dict.fromkeys(range(5), 0.0), 0: 0.95}).run([flits, []], 400, until=3)
    (_, _), (written, _) = bench.transfers("l1_data")
    assert bench.transfers("bump_data")[0][0] > written


def test_networks_do_not_wait_for_each_other():
    flits = [{"addr": i, "bump": 1} for i in range(10)]
    bench = Bench(stall={0: 1.0, 1: 0.0, 2: 1.0, 3: 0.0, 4: 0.0}).run([flits, flits], 40)
    assert not bench.transfers("l1_data") and len(bench.transfers("l1_reduce")) == 10
    bench = Bench(stall={0: 0.0, 1: 1.0, 2: 0.0, 3: 1.0, 4: 1.0}).run([flits, [{"turn": 1}] * 10], 40)
    assert len(bench.transfers("l1_data")) == 10 and not bench.transfers("turned")


def test_program_capacity_counts_words():
    for link_bits, words in ((128, 32), (256, 16), (1024, 4)):
        assert Ejector(tile=SMALL.model_copy(update={"link_bits": link_bits})).program_words == words
