"""What README says of the measurements: the answer in its first lines, and what `make sim`
prints.
"""

import io

from rich.console import Console

from isa.errors import UserError
from publish.experiment import WIDTH, figures

__all__ = ["answer", "sim_output"]

ALONE = ("flash2", "flash3", "flat-seq", "flat-tree")
"""Dataflows that need no collective of the network."""


def answer(rows: list[dict]) -> str:
    """How far attention is from the roofline, from docs/results/variants.json.

    The share of the roofline is the larger of the utilisations of the arrays and of HBM.

    Raises
    ------
    UserError
        If the sentences around the figures do not hold.
    """
    shares: dict[str, list[float]] = {"prefill": [], "causal": [], "decode": [], "mla": []}
    for r in rows:
        if r["table"] == "family" and r["dtype"] == "fp16":
            kind = "decode" if "decode" in r["title"] else "prefill"
            kind = "causal" if kind == "prefill" and "causal" in r["title"] else kind
            kind = "mla" if r["workload"].startswith("mla") else kind
            shares[kind].append(max(r["matrix_utilization"], r["hbm_bandwidth_utilization"]))
    said = {kind: f"{min(some):.1%} to {max(some):.1%}" for kind, some in shares.items()}
    if min(shares["prefill"] + shares["decode"]) < 0.9 or max(shares["mla"]) > 0.9:
        raise UserError("variants: README's first lines no longer hold: see publish/readme.py")
    small, large = _arrays(rows, "mesh4"), _arrays(rows, "mesh8")
    return (
        f"**Yes, where it should: dense prefill runs at {said['prefill']} of the roofline, decode "
        f"at {said['decode']}** (FP16, 4×4 tiles).\nThe network is what makes it scale: the same "
        f"prefill keeps the arrays busy for {small[0]:.1%} of the time on 4×4 tiles and "
        f"{large[0]:.1%}\non 8×8; with the best software in place of its collectives, for "
        f"{small[1]:.1%} and {large[1]:.1%}.\n**Not everywhere:** causal prefill of these lengths "
        f"reaches {said['causal']}; MLA decode {said['mla']}, for want of L1."
    )


def _arrays(rows: list[dict], machine: str) -> tuple[float, float]:
    """Matrix utilisation with the network's collectives, and the best without."""
    some = [r for r in rows if r["table"] == f"dataflows compute {machine}"]

    def best(alone: bool) -> float:
        return max(r["matrix_utilization"] for r in some if (r["dataflow"] in ALONE) == alone)

    return best(False), best(True)


def sim_output(rows: list[dict]) -> str:
    """What `make sim` prints, but for the times, from docs/results/tables.json."""
    text = io.StringIO()
    figures(Console(file=text, width=WIDTH), rows[0])
    lines = [line.rstrip() for line in text.getvalue().splitlines()]
    return "\n".join(["```text", "$ make sim", *lines, "```"])
