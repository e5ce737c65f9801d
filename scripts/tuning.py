"""`make tuning`: the rule and the tuner against the best found, for a listed set of workloads on
mesh4.

Writes docs/results/tune.json and the tables of docs/tuning.md. Runs that nothing changed are not
made again.
"""

import argparse
import json
import os
from statistics import mean

from rich.console import Console

from isa.machine import MACHINES
from publish.output import Table
from scripts.docs import insert
from scripts.options import main, positive
from scripts.tables import RESULTS
from scripts.tune import tune
from tb.runner import ROOT

__all__ = ["OTHERS", "SET", "tables"]

PAGE = ROOT / "docs" / "tuning.md"
SET = (
    "mha:S=128,D=64,H=4",
    "mha:S=256,D=64,H=2",
    "mha:S=256,D=64,H=2,causal=1",
    "gqa:H=12,Hkv=4,S=128,D=64",
    "gqa:H=12,Hkv=4,Sq=1,Skv=512,D=64",
    "mqa:H=16,Sq=1,Skv=1024,D=64",
    "mla:H=16,Sq=1,Skv=512",
    "mha:B=3,H=4,S=128,D=64,len=128/60/17",
    "gemm:M=64,N=256,K=256",
)
OTHERS = ("mha:S=192,D=32,H=3", "gqa:H=8,Hkv=2,sp=4,Skv=300,D=128", "gemm:M=24,N=512,K=320")
"""Outside the set; docs/tuning.md says what was made with a look at them."""
TOP = 8


def run() -> int:
    """Tune all (or with --from-results only rewrite the page)."""
    parser = argparse.ArgumentParser(description=__doc__)
    add = parser.add_argument
    add(
        "--from-results",
        action="store_true",
        help="rewrite docs/tuning.md from docs/results, run nothing",
    )
    add(
        "--most",
        default=os.environ.get("MOST") or "16",
        help="candidates of each workload, the best by estimate (MOST)",
    )
    add(
        "--jobs",
        default=os.environ.get("JOBS") or str(os.cpu_count() or 1),
        help="processes (JOBS)",
    )
    options = parser.parse_args()
    path = RESULTS / "tune.json"
    if not options.from_results:
        jobs, most = (
            positive("JOBS", options.jobs, least=1),
            positive("MOST", options.most, least=1),
        )
        console, found = Console(stderr=True), []
        for spec in (*SET, *OTHERS):
            tuned = tune(
                MACHINES["mesh4"],
                spec,
                ("fp16", "", ""),
                1,
                top=TOP,
                most=most,
                jobs=jobs,
                console=console,
            )
            ratios = [run["cycles"] / candidate.estimate for candidate, run in tuned.runs]
            spread = {
                "ratio_least": min(ratios),
                "ratio_mean": mean(ratios),
                "ratio_most": max(ratios),
            }
            found.append({"listed": spec in SET, **tuned.result, **spread})
            console.print(
                f"  rule +{tuned.result['rule_percent']:.1f} %, tuner +{tuned.result['chosen_percent']:.1f} %"
            )
        path.write_text(json.dumps(found, indent=1) + "\n")
    PAGE.write_text(insert(PAGE.read_text(), tables(json.loads(path.read_text()))))
    return 0


def tables(found: list[dict]) -> dict[str, str]:
    """Marker in docs/tuning.md to its table."""
    heads = (
        "workload",
        "runs",
        "the rule's choice",
        "cycles",
        "above best",
        "the tuner's choice",
        "cycles",
        "above best",
        "cycles / estimate",
    )
    made = {}
    for marker, listed in (("tuned set", True), ("tuned others", False)):
        some = [r for r in found if r["listed"] == listed]
        rows = [
            (
                r["workload"],
                f"{r['runs']}",
                r["rule"],
                f"{r['rule_cycles']:,}",
                f"{r['rule_percent']:.1f} %",
                "the same" if r["chosen"] == r["rule"] else r["chosen"],
                f"{r['chosen_cycles']:,}",
                f"{r['chosen_percent']:.1f} %",
                f"{r['ratio_least']:.2f} .. {r['ratio_mean']:.2f} .. {r['ratio_most']:.2f}",
            )
            for r in some
        ]
        rule, tuner = (
            f"{mean(r[f'{who}_percent'] for r in some):.1f} %; {max(r[f'{who}_percent'] for r in some):.1f} %"
            for who in ("rule", "chosen")
        )
        rows.append(("mean; most", "", "", "", rule, "", "", tuner, ""))
        made[marker] = Table("", heads, rows).markdown()
    return made


if __name__ == "__main__":
    main(run)
