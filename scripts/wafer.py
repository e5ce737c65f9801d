"""`make wafer`: tokens per second of a language model on many dies. One point if any of its
variables is set; otherwise the paper's point, and the sweep around it.
"""

import os
import re
from dataclasses import replace

from isa.errors import UserError
from model.wafer.description import Wafer, load_wafer
from model.wafer.language import load_language_model
from model.wafer.plan import Plan, Serving
from model.wafer.prefill import prefill_rules, split_prefill
from model.wafer.routing import zipf
from model.wafer.serving import Server
from publish.output import progress_console, wide_console, write_result
from publish.wafer.kernel_runs import KernelRuns
from publish.wafer.product_runs import ProductRuns
from publish.wafer.report import point_table, write_report
from publish.wafer.sweep import expert_degree, flat_keys, row_of, sweep
from publish.wafer.variables import WAFER
from scripts.front import main
from scripts.options import positive, target_parser, workers_of
from tb.runner import ROOT


def _number(name: str, text: str, most: float = 0) -> float:
    whole = re.fullmatch(r"[0-9]{1,9}(\.[0-9]{1,9})?", text)
    if not whole or (most and float(text) > most):
        limit = f"to {most:g}" if most else "up"
        raise UserError(f"{name} must be a number from 0 {limit}, not {text!r}")
    return float(text)


def _lengths(text: str) -> tuple[int, int]:
    if not (match := re.fullmatch(r"([0-9]{1,7})/([1-9][0-9]{0,6})", text)):
        raise UserError(f"REQUEST must be PROMPT/OUTPUT tokens, like 2048/1024, not {text!r}")
    return int(match[1]), int(match[2])


def _wafer(options) -> Wafer:
    wafer = load_wafer(options.wafer)
    given: dict[str, tuple] = {}
    if options.dies:
        if not (match := re.fullmatch(r"([0-9]{1,2})x([0-9]{1,2})", options.dies)):
            raise UserError(f"DIES must be COLUMNSxROWS, for example 8x8, not {options.dies!r}")
        for field, value in zip(("columns", "rows"), match.groups(), strict=True):
            given[field] = "DIES", options.dies, int(value)
    if options.shape:
        given["shape"] = "SHAPE", options.shape, options.shape
    for name, field in (("D2D_GBPS", "gb_per_s"), ("D2D_NS", "latency_ns")):
        if text := getattr(options, name.lower()):
            given[field] = name, text, _number(name, text)
    return wafer.with_fabric(given) if given else wafer


def run() -> int:
    """One point, or the sweep."""
    options = target_parser("wafer", __doc__).parse_args()
    wafer, model = _wafer(options), load_language_model(options.model)
    papers, console = options.costs == "paper", wide_console()
    who = wafer.machine, workers_of(options), progress_console()
    costs = (runs := (ProductRuns(*who), KernelRuns(*who, papers=True)))[papers]
    if not any(os.environ.get(v) or getattr(options, v.lower()) != no for v, no, *_ in WAFER):
        path = write_report(sweep(*runs), console)
        print(f"result: {path.relative_to(ROOT)}")
        return 0
    options.ep = expert_degree(model, options.ep, COPIES=options.copies, SKEW=options.skew)
    skew = _number("SKEW", options.skew)
    serving = Serving(
        model,
        keys=positive("KV", options.kv, least=1),
        speculative=positive("DRAFTS", options.drafts, least=1),
        acceptance=_number("ACCEPTANCE", options.acceptance, 1),
        element=options.element,
        attention=options.attention,
        copies=options.copies,
        overlap=options.overlap == "1",
        popularity=zipf(model.n_routed_experts, skew) if skew else (),
    )
    degrees = ("PP", "EP", "TP", "BATCH")
    plan = Plan(*(positive(name, getattr(options, name.lower()), least=1) for name in degrees))
    server = Server(wafer, costs)
    lengths = options.request and _lengths(options.request)
    server.check(serving, plan)
    costs.prepare(server.kernels(serving, plan))
    row = row_of(wafer, server.point(serving, plan)) | {"costs": options.costs}
    row |= {"parameters": model.parameters, "flops_per_token": model.flops_per_token(serving.keys)}
    if lengths:
        reading = replace(plan, batch=1)
        costs.prepare(server.kernels(prefill_rules(serving, lengths[0]), reading))
        row |= split_prefill(server, serving, plan, reading, lengths)._asdict()
    path = write_result("wafer", flat_keys(row, "_paper_costs" * papers) | row)
    point_table(row).show(console)
    print(f"result: {path.relative_to(ROOT)}")
    return 0


if __name__ == "__main__":
    main(run)
