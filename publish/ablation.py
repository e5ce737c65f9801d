"""What `make ablation` found: the table of a run, and that of the page."""

from publish.output import Table
from tb.studies.ablation import CASES

__all__ = ["page_table", "table"]

TITLES = {
    "full": "as it is",
    "forward": "reads go to one tile, which forwards them",
    "memory": "all-reduce through the root's L1",
    "neither": "both",
}


def page_table(r: dict) -> str:
    """Cycles of each case, and how many more they are than as it is."""
    full = r["cycles_full"]
    rows = [
        (text, f"{r[f'cycles_{key}']:,}", f"{r[f'cycles_{key}'] / full - 1:.1%}")
        for key, text in TITLES.items()
    ]
    return Table("", (f"{r['workload']}, {r['dataflow']}", "cycles", "more"), rows).markdown()


def table(result: dict, seen: dict[str, dict]) -> Table:
    """Cycles of each case, and what the features that it does without gain."""
    what = f"{result['workload']} ({result['dtype']}), {result['dataflow']}"
    title = f"{what} on {result['machine']} {result['mesh']}, {result['mapping']}"
    full = seen["full"]["cycles"]
    rows = []
    for case in CASES:
        one = seen[case.key]
        gain = "" if case.key == "full" else f"{one['cycles'] / full:.3f}"
        exact = "yes" if one["bit_exact"] else f"NO, {one['mismatches']} differ"
        rows.append(
            (case.title, f"{one['cycles']:,}", gain, f"{one['matrix_utilization']:.1%}", exact)
        )
    heads = ("case", "cycles", "gain", "matrix utilisation", "bit-exact")
    return Table(title, heads, rows)
