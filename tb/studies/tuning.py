"""The tiling rule and the tuner against the best found, for a listed set of workloads on mesh4."""

from statistics import mean

from rich.console import Console

from isa.machine import MACHINES
from tb.tasks import Workers
from tb.tuner.tune import Search, tune

__all__ = ["LISTED", "OTHERS", "run"]

LISTED = (
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
"""Outside the list; docs/tuning.md says what was made with a look at them."""
TOP = 8


def run(workers: Workers, most: int, console: Console) -> list[dict]:
    """Tune all: the flat result of each, and its cycles over the estimate. Runs are kept.

    Parameters
    ----------
    most
        Candidates of each workload that are run, the best by estimate.
    """
    found = []
    for spec in (*LISTED, *OTHERS):
        search = Search(MACHINES["mesh4"], spec)
        tuned = tune(search, top=TOP, most=most, workers=workers, console=console)
        ratios = [run["cycles"] / candidate.estimate for candidate, run in tuned.runs]
        spread = {
            "ratio_least": min(ratios),
            "ratio_mean": mean(ratios),
            "ratio_most": max(ratios),
        }
        found.append({"listed": spec in LISTED, **tuned.result, **spread})
        rule, tuner = (tuned.result[f"{who}_percent"] for who in ("rule", "chosen"))
        console.print(f"  rule +{rule:.1f} %, tuner +{tuner:.1f} %")
    return found
