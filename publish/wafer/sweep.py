"""The paper's point and what varies around it, as plain data."""

import time
from collections.abc import Iterator, Sequence
from dataclasses import replace

from isa.errors import UserError
from model.wafer.description import PAPER_WAFER, DieFabric, Wafer
from model.wafer.fabric_check import check_fabric
from model.wafer.floors import IdealDie, kernel_floor
from model.wafer.kernels import Kernel, Pointwise
from model.wafer.language import LanguageModel, derived, load_language_model, published
from model.wafer.plan import Plan, Serving
from model.wafer.search import best_plan, possible
from model.wafer.serving import ServedPoint, Server
from programs.gemm.workload import Gemm
from publish.wafer.kernel_runs import KernelRuns
from publish.wafer.variables import WAFER

__all__ = [
    "PAPER_PLAN",
    "expert_degree",
    "flat_keys",
    "paper_point",
    "points_of",
    "row_of",
    "sweep",
]

PAPER_PLAN = Plan(pipeline=2, expert=32, batch=256)
"""arXiv 2604.02110: EP32-PP2, 256 requests a chip."""
BATCHES = (128, 256)
LARGE = 384
"""Requests a die, tried as two micro-batches of 192."""
LIMIT_MS = 50.0
DEGREES = ((4, 16), (2, 16), (2, 32), (1, 64))
"""Pipeline stages and dies that share experts."""
MODELS = {
    "llama-3-8b": Plan(batch=256),
    "llama-3-70b": Plan(tensor=2, batch=128),
    "llama-3-405b": Plan(tensor=8, batch=32),
    "qwen3-8b": Plan(batch=256),
    "qwen3-32b": Plan(tensor=2, batch=128),
    "qwen3-30b-a3b": Plan(expert=16, batch=512),
    "qwen3-235b-a22b": Plan(expert=16, batch=256),
}
"""A plan for each other model: of batches that are powers of two, of up to four stages, and of up
to eight dies that share heads or 64 that share experts, the one with most tokens under 38 ms if all
kernels took their floors. All fit memory.
"""
LINKS = (100.0, 160.0, 250.0, 500.0, 1000.0, 2000.0, 4000.0)


def row_of(wafer: Wafer, point: ServedPoint) -> dict:
    """A point as plain data."""
    tokens, tpot, serving = point.tokens_per_second_per_chip, point.tpot_ms, point.serving
    return {
        "model": serving.model.name,
        "plan": point.plan.describe(),
        "shape": wafer.fabric.shape,
        "dies": f"{wafer.fabric.columns}x{wafer.fabric.rows}",
        "gb_per_s": wafer.fabric.gb_per_s,
        "batch": point.plan.batch,
        "keys": serving.keys,
        "attention": serving.attention,
        "copies": serving.copies,
        "overlap": serving.overlap,
        "drafts": serving.speculative,
        "acceptance": serving.acceptance,
        "element": serving.element,
        "skewed": bool(serving.popularity),
        "d2d_ns": wafer.fabric.latency_ns,
        "pp": point.plan.pipeline,
        "ep": point.plan.expert,
        "tp": point.plan.tensor,
        "tokens_per_second_per_chip": tokens.cycles,
        "tokens_per_second_per_chip_low": tokens.low,
        "tokens_per_second_per_chip_high": tokens.high,
        "tpot_ms": tpot.cycles,
        "tpot_ms_low": tpot.low,
        "tpot_ms_high": tpot.high,
        "attention_share": point.share("attention"),
        "d2d_share": point.share("d2d"),
        "parts": {part: point.share(part) for part in point.parts},
        "floor_share": point.floor_seconds / point.step_seconds.cycles,
        "memory_gib": point.memory_gib,
        "layers_of_stages": list(point.cuts),
    }


def flat_keys(row: dict, suffix: str = "") -> dict:
    """The keys of result.json that a point gives."""
    names = ("tokens_per_second_per_chip", "tpot_ms")
    ends = [f"{name}{end}" for name in names for end in ("", "_low", "_high")]
    return {f"{name}{suffix}": row[name] for name in (*ends, "attention_share", "d2d_share")}


def paper_point(result: dict, attention: str, costs: str = "ours") -> dict:
    """The paper's point, by a set of costs."""
    curve = "papers" if costs == "paper" else attention
    return next(
        r
        for r in result["points"]
        if r["curve"] == curve and r.get("batch") == 256 and r["attention"] == attention
    )


def points_of(result: dict, *curves: str) -> list[dict]:
    """Points of some curves, those that fit memory."""
    return [r for r in result["points"] if r["curve"] in curves and "refused" not in r]


def _cases() -> Iterator[tuple[str, Wafer, Serving, Plan]]:
    """Curve, machine, rules and plan of every point of the sweep."""
    paper, model = PAPER_WAFER, load_language_model("deepseek-v3")
    serving = Serving(model)
    for batch in BATCHES:
        yield "flat", paper, serving, replace(PAPER_PLAN, batch=batch)
    yield "flash", paper, replace(serving, attention="flash"), PAPER_PLAN
    yield from _overlaps("overlap", serving)
    for pipeline, expert in DEGREES:
        yield "expert", paper, serving, Plan(pipeline, expert, batch=256)
    for shape in ("mesh", "torus", "fat-tree"):
        for copies in ("expert", "die", "fabric"):
            fabric = paper.fabric.model_copy(update={"shape": shape})
            wafer = paper.model_copy(update={"fabric": fabric})
            yield "shape", wafer, replace(serving, copies=copies), PAPER_PLAN
    for gb_per_s in LINKS:
        fabric = paper.fabric.model_copy(update={"gb_per_s": gb_per_s})
        wafer = paper.model_copy(update={"fabric": fabric})
        yield "links", wafer, serving, PAPER_PLAN
    yield from _models("models")


def _overlaps(curve: str, serving: Serving) -> Iterator[tuple[str, Wafer, Serving, Plan]]:
    """Two micro-batches: halves of the paper's batch, and as large as that."""
    for copies in ("expert", "fabric"):
        for factor in (1, 2):
            plan = replace(PAPER_PLAN, batch=factor * PAPER_PLAN.batch)
            yield curve, PAPER_WAFER, replace(serving, overlap=True, copies=copies), plan


def _paper_cases() -> Iterator[tuple[str, Wafer, Serving, Plan]]:
    """The same for points by the papers' costs."""
    serving = Serving(load_language_model("deepseek-v3"))
    for attention in ("flat", "flash"):
        yield "papers", PAPER_WAFER, replace(serving, attention=attention), PAPER_PLAN
    yield "papers overlap", PAPER_WAFER, replace(serving, copies="fabric"), PAPER_PLAN
    yield from _overlaps("papers overlap", serving)
    yield from _models("papers models")


def _models(curve: str) -> Iterator[tuple[str, Wafer, Serving, Plan]]:
    """The other models, a token a step."""
    for name, plan in MODELS.items():
        yield curve, PAPER_WAFER, Serving(load_language_model(name), speculative=1), plan


def _rows(
    cases: Sequence[tuple[str, Wafer, Serving, Plan]], servers: dict[DieFabric, Server]
) -> list[dict]:
    """Points as plain data; what does not fit memory says so."""
    rows = []
    for curve, wafer, rules, plan in cases:
        try:
            point = servers[wafer.fabric].point(rules, plan)
        except UserError as error:
            rows.append({"curve": curve, "plan": plan.describe(), "refused": str(error)})
            continue
        rows.append({"curve": curve} | row_of(wafer, point))
    return rows


def _layer(server: Server, costs: KernelRuns, rules: Serving) -> list[dict]:
    """Products and attention of the paper's point, by what the die model says of each."""
    rows = []
    for attention in ("flat", "flash"):
        for kernel in sorted(
            server.kernels(replace(rules, attention=attention), PAPER_PLAN), key=repr
        ):
            if isinstance(kernel.work, Pointwise) or (attention == "flash" and not kernel.dataflow):
                continue
            seen, work = costs.seen(kernel), kernel.work
            floor = kernel_floor(server.wafer, kernel) * server.machine.clock_ghz * 1e9
            if isinstance(work, Gemm):
                shape = f"{work.batch} x {work.m} x {work.n} x {work.k}"
            else:
                shape = f"{work.kv_heads} x {work.rows} x {work.skv}"
            name = f"{kernel.name} ({attention})" if kernel.dataflow else kernel.name
            row = {"name": name, "part": kernel.part, "shape": shape}
            rows.append(row | {"floor_share": floor / seen["cycles"]} | seen)
    return rows


def sweep(costs: KernelRuns, papers: KernelRuns) -> dict:
    """All points, the best plan, models beside what is published, and flows beside packets.

    Parameters
    ----------
    costs, papers
        Of our hardware, and of the papers.
    """
    started = time.perf_counter()
    cases, others = list(_cases()), list(_paper_cases())
    servers: dict[DieFabric, Server] = {}
    kernels: set[Kernel] = set()
    for _, wafer, rules, plan in cases:
        servers.setdefault(wafer.fabric, Server(wafer, costs))
        kernels |= servers[wafer.fabric].kernels(rules, plan)
    paper = servers[PAPER_WAFER.fabric]
    rules = Serving(load_language_model("deepseek-v3"))
    plans = possible(PAPER_WAFER, rules.model, (1, 2, 4), (16, 32, 64))
    for plan in plans:
        kernels |= paper.kernels(rules, replace(plan, batch=PAPER_PLAN.batch))
    halves = replace(PAPER_PLAN, batch=LARGE)
    kernels |= paper.kernels(replace(rules, overlap=True), halves)
    computed = costs.prepare(kernels)
    theirs = Server(PAPER_WAFER, papers)
    computed += papers.prepare({k for _, _, r, p in others for k in theirs.kernels(r, p)})
    prepared, used = time.perf_counter(), time.process_time()
    rows = _rows(cases, servers) + _rows(others, {PAPER_WAFER.fabric: theirs})
    bounds = []
    for overlap in (False, True):
        for copies in ("expert", "fabric"):
            asked = replace(rules, overlap=overlap, copies=copies)
            ideal = Server(PAPER_WAFER, IdealDie(PAPER_WAFER))
            bounds.append(row_of(PAPER_WAFER, ideal.point(asked, PAPER_PLAN)))
    best = []
    for overlap in (False, True):
        for copies in ("expert", "fabric"):
            asked = replace(rules, overlap=overlap, copies=copies)
            # There are kernels of all plans with the paper's batch, of some with others.
            near = [p for p in plans if p.expert == PAPER_PLAN.expert]
            tried = [(near, PAPER_PLAN.batch), (near, LARGE)]
            if not overlap:
                tried = [(near, BATCHES[0]), (plans, PAPER_PLAN.batch)]
            found = [best_plan(paper, asked, some, (batch,), LIMIT_MS) for some, batch in tried]
            point_ = max(
                (one for one in found if one is not None),
                key=lambda one: one.tokens_per_second_per_chip.cycles,
                default=None,
            )
            if point_ is not None:
                best.append(row_of(PAPER_WAFER, point_))
    return {
        "points": rows,
        "bounds": bounds,
        "best": best,
        "layer": _layer(paper, costs, rules),
        "limit_ms": LIMIT_MS,
        "models": [
            {
                "model": name,
                "quantity": quantity,
                "published": value,
                "derived": derived(load_language_model(name), quantity),
                "source": source,
            }
            for name, quantity, value, _, source in published()
        ],
        "fabric": check_fabric(),
        "flops_per_token": rules.model.flops_per_token(rules.keys),
        "kernels": len(kernels),
        "kernels_computed": computed,
        "model_errors": costs.errors._asdict(),
        "kernel_seconds": prepared - started,
        "seconds": time.perf_counter() - prepared,
        "processor_seconds": time.process_time() - used,
    }


def expert_degree(model: LanguageModel, ep: str, **given: str) -> str:
    """EP, if none is given the paper's, and 1 without experts.

    Raises
    ------
    UserError
        If one of the `given` variables, which are about experts, is set for a model without.
    """
    if model.n_routed_experts:
        return ep or "32"
    usual = {name: value for name, value, *_ in WAFER}
    for name, value in given.items():
        if value != usual[name]:
            raise UserError(f"{name}: {model.name} has no experts, leave it out")
    return ep or "1"
