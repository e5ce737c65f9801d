"""Every arriving flit is written or passed on once, in order; its count follows its word; bad
addresses are dropped.
"""

import random

import pytest

from hw.control.eject import Ejector
from hw.layouts import data_flit, reduce_flit
from isa.machine import MACHINES
from isa.packets import FlitKind
from tests.hw.network.streams import Streams, fields
from tests.hw.simulation import simulation

TILE = MACHINES["mesh4"].tile
SMALL = TILE.model_copy(update={"l1_bytes": 4096, "program_instructions": 16})
FLITS = {"data": data_flit(TILE), "reduce": reduce_flit(TILE)}
OUTPUTS = ("l1_data", "l1_reduce", "bump_data", "bump_reduce", "turned")


class Bench(Streams):
    """The ejector with its networks as inputs, and its L1 ports, counts and turned flits as
    outputs.
    """

    def __init__(self, tile=SMALL, **options):
        shared = simulation(Ejector, tile=tile)
        dut = shared.dut
        outputs = [dut.l1_data.req, dut.l1_reduce.req, dut.bump[0], dut.bump[1], dut.turned]
        super().__init__(shared, [dut.data, dut.reduce], outputs, **options)
        self.watch = {"program": dut.program.as_value(), "error": dut.error.as_value()}

    def transfers(self, name):
        return self.left[OUTPUTS.index(name)]

    def writes(self, name):
        """(addr, data) of the words written at an L1 port; each write is of some
        consecutive words.
        """
        layout = self.outputs[OUTPUTS.index(name)].payload.shape()
        found = [fields(layout, value) for _, value in self.transfers(name)]
        assert all(
            request["write"] and request["mask"] & request["mask"] + 1 == 0 != request["mask"]
            for request in found
        )
        width = SMALL.link_bits
        return [
            (request["addr"] + n, request["data"] >> n * width & (1 << width) - 1)
            for request in found
            for n in range(request["mask"].bit_length())
        ]

    def pulses(self, name):
        """(cycle, addr, data) of each cycle in which the program port or the error output
        is valid.
        """
        values = enumerate(self.seen[name])
        return [(cycle, value >> 1 & 0xFFFF, value >> 17) for cycle, value in values if value & 1]


def random_flit(rng, name, *, bad):
    flit = {field: rng.getrandbits(layout.width) for field, layout in FLITS[name]}
    capacity = SMALL.l1_words
    if name == "data":
        flit["kind"] = rng.choice(list(FlitKind)).value
        capacity = {0: capacity, 1: 32, 2: 1 << 16}[flit["kind"]]
    flit["addr"] = (
        capacity + rng.getrandbits(4)
        if rng.random() < bad and capacity < 1 << 16
        else rng.randrange(capacity)
    )
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
                turned.append(
                    {field: flit[field] for field, _ in FLITS["data"] if field != "kind"}
                    | {"kind": 0}
                )
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
    assert [cycle for cycle, _ in bench.transfers(f"l1_{name}")] == [
        cycle + Ejector.latency for cycle in arrived
    ]
    assert [cycle for cycle, _ in bench.transfers(f"bump_{name}")] == [
        cycle + Ejector.latency + 1 for cycle in arrived
    ]


@pytest.mark.parametrize("name", ["data", "reduce"])
def test_consecutive_words_are_written_a_line_at_a_time(name):
    flits = [{"addr": 3 + i, "data": i, "bump": int(i == 12)} for i in range(13)]
    bench = Bench().run([flits if name == network else [] for network in FLITS], 30)
    assert bench.entered[list(FLITS).index(name)] == list(range(13))
    # The fourth, the eighth, the twelfth and the last word each take those before them along, in
    # the cycle after they came.
    assert [cycle for cycle, _ in bench.transfers(f"l1_{name}")] == [
        cycle + Ejector.latency for cycle in (3, 7, 11, 12)
    ]
    assert bench.writes(f"l1_{name}") == [(3 + i, i) for i in range(13)]


def test_words_that_nothing_follows_are_written_all_the_same():
    bench = Bench().run([[{"addr": 5, "data": 1}, {"addr": 6, "data": 2}], []], 40)
    assert bench.writes("l1_data") == [(5, 1), (6, 2)] and len(bench.transfers("l1_data")) == 1


def test_words_of_two_transfers_in_turn():
    flits = [{"addr": 100 * (i % 2) + i // 2, "data": i} for i in range(20)]
    bench = Bench().run([flits, []], 60)
    assert bench.entered[0] == list(range(20))
    assert bench.writes("l1_data") == [(flit["addr"], flit["data"]) for flit in flits]


@pytest.mark.parametrize("kind", [FlitKind.WRITE, FlitKind.SIGNAL])
@pytest.mark.parametrize("addr", [10, 90])
@pytest.mark.parametrize("words", range(1, 6))
def test_a_count_waits_for_its_word_and_all_before(kind, addr, words):
    flits = [{"addr": 10 - words + i} for i in range(words)] + [
        {"kind": kind.value, "addr": addr, "bump": 1, "sem": 9}
    ]
    bench = Bench(stall={**dict.fromkeys(range(5), 0.0), 0: 0.9}).run([flits, []], 400)
    written = bench.transfers("l1_data")[-1][0]
    assert len(bench.writes("l1_data")) == words + (kind == FlitKind.WRITE)
    assert bench.transfers("bump_data")[0][0] > written


def test_networks_do_not_wait_for_each_other():
    flits = [{"addr": i, "bump": 1} for i in range(10)]
    bench = Bench(stall={0: 1.0, 1: 0.0, 2: 1.0, 3: 0.0, 4: 0.0}).run([flits, flits], 40)
    assert not bench.writes("l1_data") and len(bench.writes("l1_reduce")) == 10
    bench = Bench(stall={0: 0.0, 1: 1.0, 2: 0.0, 3: 1.0, 4: 1.0}).run(
        [flits, [{"turn": 1}] * 10], 40
    )
    assert len(bench.writes("l1_data")) == 10 and not bench.transfers("turned")


def test_program_capacity_counts_words():
    for link_bits, words in ((128, 32), (256, 16), (1024, 4)):
        assert (
            Ejector(tile=SMALL.model_copy(update={"link_bits": link_bits})).program_words == words
        )
