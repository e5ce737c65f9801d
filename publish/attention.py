"""Attention in README and docs/attention.md: what was run, its cycles, and whether the bits are
right.
"""

from collections.abc import Callable

from publish.output import Table
from tb.studies.variants import CASES

__all__ = ["MAIN_TABLES", "VARIANT_TABLES", "variants"]


def _verdict(row: dict) -> str:
    """What a table says of the comparison with golden."""
    return "yes" if row["bit_exact"] else f"NO, {row['mismatches']} differ"


def _moved(row: dict) -> int:
    return row["hbm_read_bytes"] + row["hbm_write_bytes"]


def main_table(results: list[dict]) -> str:
    """Dataflows on the main workloads."""
    heads = (
        "workload",
        "dataflow",
        "cycles",
        "matrix utilisation",
        "HBM bytes",
        "formula",
        "bit-exact",
        "error / reference",
    )
    rows = [
        (
            r["workload"],
            r["dataflow"],
            f"{r['cycles']:,}",
            f"{r['matrix_utilization']:.1%}",
            f"{_moved(r):,}",
            f"{r['hbm_ideal_bytes']:,}",
            _verdict(r),
            ratio(r),
        )
        for r in results
        if r["case"] == "table"
    ]
    return Table("", heads, rows).markdown()


def odd_meshes(results: list[dict]) -> str:
    """Sizes and meshes that do not divide."""
    rows = [
        (
            r["mesh"],
            r["dataflow"],
            f"{r['cycles']:,}",
            "yes" if _moved(r) == r["hbm_ideal_bytes"] else "NO",
            _verdict(r),
        )
        for r in results
        if r["case"] == "meshes"
    ]
    heads = ("mesh", "dataflow", "cycles", "HBM bytes = formula", "bit-exact")
    return Table("", heads, rows).markdown()


def timing(results: list[dict]) -> str:
    """The same bits under other timing."""
    start = "timing: "
    rows = [
        (r["case"].removeprefix(start), f"{r['cycles']:,}", _verdict(r))
        for r in results
        if r["case"].startswith(start)
    ]
    return Table("", ("conditions", "cycles", "bit-exact"), rows).markdown()


def ratio(r: dict) -> str:
    """Error over that of the same precision; nothing where no error is."""
    return "none" if r["error_vs_reference"] is None else f"{r['error_vs_reference']:.2f}"


MAIN_TABLES = {"main table": main_table, "odd meshes": odd_meshes, "timing": timing}
"""Marker to its maker, from docs/results/tables.json."""


def _bytes(r: dict) -> str:
    moved = _moved(r)
    return (
        f"{moved:,} = formula"
        if moved == r["hbm_ideal_bytes"]
        else f"{moved:,} NOT {r['hbm_ideal_bytes']:,}"
    )


def family(rows: list[dict]) -> Table:
    """MHA, GQA, MQA and MLA in three formats."""
    heads = (
        "variant",
        "workload",
        "format",
        "dataflow",
        "cycles",
        "matrix",
        "HBM",
        "HBM bytes",
        "bit-exact",
        "error / reference",
    )
    return Table(
        "The family on mesh4",
        heads,
        [
            (
                r["title"],
                f"`{r['workload']}`",
                r["dtype"],
                r["dataflow"],
                f"{r['cycles']:,}",
                f"{r['matrix_utilization']:.1%}",
                f"{r['hbm_bandwidth_utilization']:.1%}",
                _bytes(r),
                _verdict(r),
                ratio(r),
            )
            for r in rows
        ],
    )


def dataflows(rows: list[dict]) -> Table:
    """Dataflows beside each other, on the same workload and machine."""
    best = min(r["cycles"] for r in rows)
    heads = (
        "dataflow",
        "group, slice",
        "cycles",
        "to the best",
        "matrix",
        "HBM",
        "HBM bytes",
        "bit-exact",
    )
    return Table(
        f"`{rows[0]['workload']}` on {rows[0]['machine']}",
        heads,
        [
            (
                r["title"],
                r["mapping"].split(" keys")[0],
                f"{r['cycles']:,}",
                f"{r['cycles'] / best:.2f}",
                f"{r['matrix_utilization']:.1%}",
                f"{r['hbm_bandwidth_utilization']:.1%}",
                _bytes(r),
                _verdict(r),
            )
            for r in rows
        ],
    )


def utilisation(rows: list[dict]) -> Table:
    """Shares of the time that the engines spend in each state."""
    shares = (
        "matrix_active",
        "matrix_operand_stall",
        "matrix_drain_stall",
        "vector_busy",
        "l1_conflict",
        "out_stall",
    )
    heads = (
        "case",
        "slice",
        "cycles",
        "matrix",
        *(f"{name.replace('_', ' ')}" for name in shares),
        "bit-exact",
    )
    return Table(
        "Where the cycles go",
        heads,
        [
            (
                r["title"],
                r["mapping"].split("slice ")[1].split(" keys")[0],
                f"{r['cycles']:,}",
                f"{r['matrix_utilization']:.1%}",
                *(f"{r[f'share_{name}']:.1%}" for name in shares),
                _verdict(r),
            )
            for r in rows
        ],
    )


def variants(results: list[dict]) -> dict[str, Table]:
    """Every table of which there is a row, by its marker."""
    found: dict[str, list[dict]] = {}
    for row in results:
        found.setdefault(row["table"], []).append(row)
    makers = {"family": family, "utilisation": utilisation}
    return {name: makers.get(name, dataflows)(rows) for name, rows in found.items()}


def _variant(name: str) -> Callable[[list[dict]], str]:
    return lambda results: variants(results)[name].markdown()


VARIANT_TABLES = {name: _variant(name) for name in dict.fromkeys(case.table for case in CASES)}
"""Marker to its maker, from docs/results/variants.json."""
