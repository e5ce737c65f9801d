from dataclasses import replace

import pytest

from isa.errors import UserError
from isa.timing import vector_cycles
from model.wafer.description import PAPER_WAFER, DieFabric
from model.wafer.floors import IdealDie
from model.wafer.kernels import Cycles, Kernel, kernel_macs, norm, pointwise_cycles
from model.wafer.language import load_language_model
from model.wafer.layer import DieStep, Send, decoder_layer, head
from model.wafer.plan import Plan, Serving, expert_rows, memory_gib
from model.wafer.prefill import split_prefill
from model.wafer.routing import zipf
from model.wafer.schedule import StageTask, cut_evenly, interleaved
from model.wafer.search import best_plan, every_plan, possible
from model.wafer.serving import Server
from programs.gemm.workload import Gemm

DEEPSEEK = load_language_model("deepseek-v3")
LLAMA = load_language_model("llama-3-70b")
PAPER = Plan(pipeline=2, expert=32, batch=256)


@pytest.fixture(scope="module")
def server() -> Server:
    return Server(PAPER_WAFER, IdealDie(PAPER_WAFER))


def tokens_per_second(server, serving, plan) -> float:
    return server.point(serving, plan).tokens_per_second_per_chip.cycles


def test_one_die_and_one_layer_is_its_kernels():
    model = replace_model(LLAMA, num_hidden_layers=1)
    wafer = PAPER_WAFER.model_copy(update={"fabric": DieFabric(columns=1, rows=1)})
    die, serving = IdealDie(wafer), Serving(model, speculative=1)
    point = Server(wafer, die).point(serving, Plan(batch=8))
    step = DieStep(model, requests=8, queries=1, keys=4096)
    kernels = [*decoder_layer(step, moe=False), *head(step)]
    cycles = Cycles(0, 0, 0)
    for kernel in kernels:
        assert isinstance(kernel, Kernel)
        cycles = cycles.plus(die(kernel).times(kernel.count))
    expected = cycles.times(1 / 1.9e9)
    assert point.step_seconds == pytest.approx(expected)
    assert point.share("d2d") == 0


def replace_model(model, **changes):
    return model.model_copy(update=changes)


@pytest.mark.parametrize("overlap", [False, True])
@pytest.mark.parametrize("copies", ["expert", "die", "fabric"])
@pytest.mark.parametrize("plan", [PAPER, Plan(1, 64, 1, 128), Plan(4, 16, 2, 64)])
def test_no_point_beats_its_floor(server, overlap, copies, plan):
    point = server.point(Serving(DEEPSEEK, overlap=overlap, copies=copies), plan)
    assert 0 < point.floor_seconds <= point.step_seconds.cycles * (1 + 1e-9)
    assert sum(point.cuts) == 61
    value, low, high = point.tokens_per_second_per_chip
    assert low == value == high


def test_throughput_and_time_grow_with_the_batch(server):
    points = [server.point(Serving(DEEPSEEK), replace(PAPER, batch=b)) for b in (32, 64, 128, 256)]
    tokens = [p.tokens_per_second_per_chip.cycles for p in points]
    times = [p.tpot_ms.cycles for p in points]
    assert tokens == sorted(tokens)
    assert times == sorted(times)


@pytest.mark.parametrize(
    "better, worse",
    [
        ({}, {"keys": 8192}),
        ({"acceptance": 0.9}, {}),
        ({"draft": False}, {}),
        ({"copies": "die"}, {}),
        ({"copies": "fabric"}, {"copies": "die"}),
        ({}, {"popularity": zipf(256, 0.7)}),
        ({}, {"combined_bytes": 2}),
        ({}, {"element": "bf16"}),
    ],
)
def test_what_must_be_faster_is(server, better, worse):
    plan = replace(PAPER, batch=128)
    fast, slow = (Serving(DEEPSEEK, **case) for case in (better, worse))
    assert tokens_per_second(server, fast, plan) > tokens_per_second(server, slow, plan)


def test_faster_links_are_never_slower():
    seen = []
    for gb_per_s in (160.0, 500.0, 1000.0, 4000.0):
        fabric = PAPER_WAFER.fabric.model_copy(update={"gb_per_s": gb_per_s})
        wafer = PAPER_WAFER.model_copy(update={"fabric": fabric})
        seen.append(tokens_per_second(Server(wafer, IdealDie(wafer)), Serving(DEEPSEEK), PAPER))
    assert seen == sorted(seen)


def test_tokens_are_conserved():
    rows = expert_rows(Serving(DEEPSEEK), PAPER, 256)
    assert len(rows) == 256 // 32
    assert sum(rows) * 32 == 32 * 256 * 2 * 8  # all dies: each token of the group at 8 experts
    skewed = expert_rows(Serving(DEEPSEEK, popularity=zipf(256, 0.5)), PAPER, 256)
    assert sum(skewed) > sum(rows)


def test_work_of_a_layer_is_that_of_its_weights():
    """Products of a layer, attention left out, are two FLOPs for each active parameter."""
    step = DieStep(DEEPSEEK, requests=64, queries=2, keys=4096, expert_rows=(32,) * 32)
    kernels = [k for k in decoder_layer(step, moe=True) if isinstance(k, Kernel)]
    macs = sum(kernel_macs(k) for k in kernels if isinstance(k.work, Gemm))
    weights = DEEPSEEK.layer_parameters(moe=True, experts=8)
    assert macs == pytest.approx(128 * weights, rel=0.001)


@pytest.mark.parametrize("tensor", [2, 4, 8])
def test_tensor_parallel_dies_share_the_work(tensor):
    def macs(degree: int) -> int:
        step = DieStep(LLAMA, requests=64, queries=1, keys=4096, tensor=degree)
        steps = decoder_layer(step, moe=False)
        sent = [s for s in steps if isinstance(s, Send)]
        assert [s.what for s in sent] == ["exchange"] * (4 if degree > 1 else 0)
        return sum(kernel_macs(k) for k in steps if isinstance(k, Kernel))

    assert macs(tensor) * tensor == macs(1)


def test_prompts_are_not_absorbed():
    step = DieStep(DEEPSEEK, requests=1, queries=512, keys=512, expert_rows=(16,) * 32)
    names = {k.name for k in decoder_layer(step, moe=True) if isinstance(k, Kernel)}
    assert "keys and values" in names
    assert "absorb K" not in names


def test_memory_is_weights_and_caches():
    serving = Serving(DEEPSEEK, draft=False)
    small = memory_gib(serving, Plan(2, 32, 1, 1), (31, 30))
    large = memory_gib(serving, Plan(2, 32, 1, 257), (31, 30))
    caches = 256 * 2 * 4096 * 31 * 576 / 2**30
    assert large - small == pytest.approx(caches, rel=0.05)
    one_die = memory_gib(Serving(LLAMA, element="bf16"), Plan(), (80,))
    assert one_die == pytest.approx(70.6e9 * 2 / 2**30, rel=0.02)


@pytest.mark.parametrize(
    "plan, message",
    [
        (replace(PAPER, batch=0), "BATCH must be at least 1, not 0"),
        (replace(PAPER, pipeline=3), "PP must divide the 64 dies, not be 3"),
        (replace(PAPER, expert=24), "EP must divide the 32 dies of a stage, not be 24"),
        (replace(PAPER, tensor=3), "TP must divide the 32 dies of a stage"),
        (replace(PAPER, batch=4096), "GiB more than the 128 there are"),
    ],
)
def test_what_cannot_be_is_one_line(server, plan, message):
    with pytest.raises(UserError, match=message) as caught:
        server.point(Serving(DEEPSEEK), plan)
    assert "\n" not in str(caught.value)


def test_a_dense_model_has_no_expert_parallelism(server):
    with pytest.raises(UserError, match="EP must be 1: llama-3-70b has no experts, not 8"):
        server.point(Serving(LLAMA), Plan(1, 8, 1, 8))
    assert server.point(Serving(LLAMA, speculative=1), Plan(1, 1, 8, 8)).share("d2d") > 0


@pytest.mark.parametrize("limit", [10.0, 30.0, 50.0])
def test_the_search_finds_what_enumeration_finds(server, limit):
    serving = Serving(DEEPSEEK)
    plans = possible(PAPER_WAFER, DEEPSEEK, (1, 2, 4), (16, 32, 64))
    assert len(plans) == 6
    batches = (16, 64, 128, 256, 512)
    found = best_plan(server, serving, plans, batches, limit)
    expected = every_plan(server, serving, plans, batches, limit)
    assert found == expected
    assert expected is None or expected.tpot_ms.cycles <= limit


def test_stages_are_as_even_as_can_be():
    assert cut_evenly([1, 1, 1, 1], 2) == (2, 2)
    assert cut_evenly([1, 1, 1, 1], 2, last=2) == (3, 1)
    assert cut_evenly([5, 1, 1, 1], 3) in {(1, 1, 2), (1, 2, 1)}


def test_two_batches_hide_transfers_behind_kernels():
    def task(part: str, seconds: float) -> StageTask:
        return StageTask(part, Cycles(seconds, seconds, seconds), 0.0)

    tasks = [task("die", 3.0), task("d2d", 2.0)] * 4
    assert interleaved(tasks, 1).cycles == 20
    assert interleaved(tasks, 2).cycles == 2 * 4 * 3 + 2  # the last transfer is not hidden


def test_pointwise_kernels_follow_the_laws_of_the_vector_engine():
    machine = PAPER_WAFER.machine
    work = norm(rows=1024, columns=64, fmt_bytes=1)
    computing = sum(vector_cycles(machine.tile, op, 1, n) for op, n in work.steps)
    assert pointwise_cycles(machine, work) == computing + machine.hbm.latency
    wide = norm(rows=1024, columns=7168, fmt_bytes=1)
    moved = 1024 * 7168 * 3 / machine.hbm_bytes_per_cycle
    assert pointwise_cycles(machine, wide) == pytest.approx(moved + 200, rel=0.01)


def test_intervals_add_up():
    class Unsure(IdealDie):
        def __call__(self, kernel):
            cycles, *_ = super().__call__(kernel)
            return Cycles(cycles, 0.9 * cycles, 1.2 * cycles)

    model = replace_model(LLAMA, num_hidden_layers=2)
    wafer = PAPER_WAFER.model_copy(update={"fabric": DieFabric(columns=1, rows=1)})
    point = Server(wafer, Unsure(wafer)).point(Serving(model, speculative=1), Plan(batch=8))
    value, low, high = point.tpot_ms
    assert (low, high) == pytest.approx((0.9 * value, 1.2 * value))
    value, low, high = point.tokens_per_second_per_chip
    assert (low, high) == pytest.approx((value / 1.2, value / 0.9))


def test_neither_prefill_nor_decode_waits(server):
    decode, prefill = replace(PAPER, batch=128), Plan(pipeline=2, expert=32, batch=1)
    split = split_prefill(server, Serving(DEEPSEEK), decode, prefill, (2048, 1024))
    alone = tokens_per_second(server, Serving(DEEPSEEK), decode)
    read = split.prefill_share * split.prompts_per_second
    begun = (1 - split.prefill_share) * alone / 1024
    assert read == pytest.approx(begun)
    assert split.tokens_per_second_of_all == pytest.approx(begun * 1024)
    longer = split_prefill(server, Serving(DEEPSEEK), decode, prefill, (4096, 1024))
    assert longer.prefill_share > split.prefill_share
    # A prompt's tokens cannot be read faster than the arrays multiply their weights.
    bound = PAPER_WAFER.peak_flops / (2048 * DEEPSEEK.flops_per_token())
    assert split.prompts_per_second < bound * 1.03  # the head runs for the last token only
