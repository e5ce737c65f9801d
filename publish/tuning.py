"""What `make tune` and the model found: the table of a search, and those of docs/tuning.md."""

from statistics import mean

from isa.words import counted
from publish.output import Table
from tb.tuner.tune import Tuned

__all__ = ["estimate_table", "page_table", "reads_table", "summary", "table", "why"]


def table(tuned: Tuned, shown: int = 24) -> Table:
    """What was run, and why it is not the best."""
    best, fastest = tuned.runs[0]
    rows = [
        (
            candidate.mapping.dataflow,
            candidate.group,
            candidate.slice,
            f"{candidate.mapping.slots}",
            f"{candidate.estimate:,.0f}",
            f"{run['cycles']:,}",
            f"{run['cycles'] / candidate.estimate:.2f}",
            f"{run['hbm_bytes']:,}",
            f"{run['l1_bytes']:,}",
            "" if candidate is best else why(run, fastest),
        )
        for candidate, run in tuned.runs[:shown]
    ]
    heads = (
        "dataflow",
        "group",
        "slice",
        "buffers",
        "estimate",
        "cycles",
        "ratio",
        "HBM B",
        "L1 B",
        "why it lost",
    )
    r = tuned.result
    left = len(tuned.runs) - len(rows)
    return Table(
        f"{r['workload']} ({r['dtype']}) on {r['machine']} {r['mesh']}",
        heads,
        rows,
        f"{left} more" * (left > 0),
    )


def why(run: dict, best: dict) -> str:
    """What limits a run that is slower than the best one, by its counters."""
    more = f"+{run['cycles'] / best['cycles'] - 1:.1%}"
    steps, least = (one["matrix_active"] * one["cycles"] for one in (run, best))
    if run["hbm_utilization"] >= 0.85:
        return f"{more}, HBM {run['hbm_utilization']:.0%} busy"
    if steps > 1.05 * least:
        return f"{more}, array {steps / least - 1:.0%} more steps"
    if run["hbm_bytes"] > 1.5 * best["hbm_bytes"] and run["hbm_utilization"] >= 0.6:
        return f"{more}, HBM {run['hbm_bytes'] / best['hbm_bytes']:.1f} x bytes"
    if run["vector_busy"] >= 0.8:
        return f"{more}, vector {run['vector_busy']:.0%} busy"
    if run.get("l1_conflict", 0) >= max(0.35, 1.2 * best.get("l1_conflict", 0)):
        return f"{more}, L1 {run['l1_conflict']:.0%} refused"
    return f"{more}, array {run['matrix_active']:.0%} active"


def summary(r: dict) -> str:
    """One line."""
    against = (
        ""
        if not r["exhaustive"]
        else (
            f"; of {counted(r['runs'], 'run')} the best has {r['best_cycles']:,}: "
            f"the tuner is {r['chosen_percent']:.1f} % above it"
        )
    )
    return (
        f"chosen: {r['chosen']}: {r['chosen_cycles']:,} cycles "
        f"(the rule alone: {r['rule_cycles']:,}, "
        f"{r['rule_percent']:.1f} % above the best){against}"
    )


def page_table(found: list[dict], *, listed: bool) -> str:
    """The rule's choice and the tuner's above the best found, for the listed workloads or the
    others.
    """
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
    above = [[r[f"{who}_percent"] for r in some] for who in ("rule", "chosen")]
    rule, tuner = (f"{mean(percents):.1f} %; {max(percents):.1f} %" for percents in above)
    rows.append(("mean; most", "", "", "", rule, "", "", tuner, ""))
    return Table("", heads, rows).markdown()


WAYS = {
    "rule": "the rule",
    "tuned_in_model": "the model's choice of the tuner's 8",
    "rough": "rough cycles alone",
    "rough_in_model": "the model's choice of 8 by rough cycles",
}
"""Ways to choose, with what the table calls them."""


def estimate_table(found: list[dict]) -> str:
    """What each way to choose is above the best mapping known, in the timing model."""
    some = [row for row in found if row["kind"] == "estimates"]
    above = {way: [100 * (row[way] / row["best"] - 1) for row in some] for way in WAYS}
    rows = [
        (
            row["machine"],
            f"{row['workload']} {row['dtype']}",
            f"{row['mappings']}",
            f"{row['best']:,}",
            *(f"{above[way][number]:.1f} %" for way in WAYS),
        )
        for number, row in enumerate(some)
    ]
    last = (f"{mean(above[way]):.1f} %; {max(above[way]):.1f} %" for way in WAYS)
    rows.append(("mean; most", "", "", "", *last))
    heads = ("machine", "workload", "mappings", "best, cycles", *WAYS.values())
    return Table("", heads, rows).markdown()


def reads_table(found: list[dict]) -> str:
    """Both ways to read, in the timing model, and which one the rule takes."""
    rows = [
        (
            row["machine"],
            row["workload"],
            row["mapping"],
            f"{row['multicast']:,}",
            f"{row['forward']:,}",
            f"{100 * (row['multicast'] / row['forward'] - 1):+.1f} %",
            {"forward": "pass on", "multicast": "multicast"}[row["rule"]],
        )
        for row in found
        if row["kind"] == "reads"
    ]
    heads = (
        *("machine", "workload", "mapping", "multicast, cycles", "passed on"),
        *("faster by", "the rule takes"),
    )
    return Table("", heads, rows).markdown()
