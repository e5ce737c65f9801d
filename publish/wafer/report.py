"""Tables and pictures of `make wafer`."""

import base64
import csv
import html
from collections.abc import Callable
from pathlib import Path

from rich.console import Console

from publish.output import Table, write_result
from publish.wafer.pictures import pictures
from publish.wafer.sweep import flat_keys, paper_point, points_of
from tb.files import write
from tb.runner import ROOT

__all__ = ["MAKERS", "point_table", "served_table", "summary", "tables", "write_report"]

SERVED = Path(__file__).parent / "served.csv"
PAPER = {"flat": (6940.0, 35.8, 0.42), "flash": (None, None, 0.71)}
"""arXiv 2604.02110: tokens/s per chip, TPOT in ms, share of attention."""
_AT_FLOOR, _BUSY, _IDLE_ROWS = 0.9, 0.8, 0.1
PEAK_PFLOPS, HBM_TB_PER_S = 1.976, 4.0
"""Of the paper's chip, as it counts them."""


def _range(row: dict, key: str, digits: int = 0) -> str:
    value, low, high = (row[f"{key}{end}"] for end in ("", "_low", "_high"))
    if low == high:
        return f"{value:,.{digits}f}"
    return f"{value:,.{digits}f} ({low:,.{digits}f} to {high:,.{digits}f})"


def point_table(row: dict) -> Table:
    """One point, in words."""
    what = f"{row['model']} on {row['dies']} dies ({row['shape']}), {row['plan']}"
    rows = [
        ("tokens/s per chip", _range(row, "tokens_per_second_per_chip")),
        ("TPOT, ms", _range(row, "tpot_ms", 2)),
        *((f"share of {part}", f"{share:.1%}") for part, share in row["parts"].items()),
        ("floor of peaks and links / time", f"{row['floor_share']:.1%}"),
        ("memory of the fullest die, GiB", f"{row['memory_gib']:.1f}"),
        *_prefill(row),
        ("layers of the stages", " ".join(map(str, row["layers_of_stages"]))),
    ]
    links = f"{row['gb_per_s']:g} GB/s and {row['d2d_ns']:g} ns a link, {row['copies']} copies"
    plural = "s" * (row["batch"] != 1)
    served = f"{row['batch']} request{plural} a die, KV {row['keys']}, {row['attention']}"
    title = f"{what}, {served}, {links}{', overlap' * row['overlap']}{', skew' * row['skewed']}"
    return Table(title, ("", "value"), rows)


def _prefill(row: dict) -> list[tuple[str, str]]:
    """Lines of a split into dies that read prompts and dies that decode, if it was asked for."""
    if "prefill_share" not in row:
        return []
    return [
        ("share of dies that read prompts", f"{row['prefill_share']:.1%}"),
        ("prompts/s of one of them", f"{row['prompts_per_second']:.2f}"),
        ("seconds to read a prompt", f"{row['first_token_seconds']:.3f}"),
        ("tokens/s for each die of both sides", f"{row['tokens_per_second_of_all']:,.0f}"),
        ("caches to a die that decodes, GB/s", f"{row['cache_bytes_per_second'] / 1e9:.2f}"),
    ]


def summary(result: dict) -> Table:
    """The paper's point beside the paper."""
    rows = []
    for costs in ("ours", "paper"):
        for attention in ("flat", "flash"):
            row = paper_point(result, attention, costs)
            tokens, tpot, share = PAPER[attention]
            rows.append(
                (
                    costs,
                    attention,
                    _range(row, "tokens_per_second_per_chip"),
                    f"{tokens:,.0f}" if tokens else "",
                    _range(row, "tpot_ms", 1),
                    f"{tpot}" if tpot else "",
                    f"{row['attention_share']:.0%}",
                    f"{share:.0%}",
                    f"{row['d2d_share']:.0%}",
                )
            )
    heads = ("costs", "attention", "tokens/s per chip", "paper", "TPOT, ms", "paper", "share")
    return Table("EP32-PP2, 256 requests a chip, KV 4096", (*heads, "paper", "D2D"), rows)


def tables(result: dict) -> dict[str, Table]:
    """All tables, by marker of the page."""
    heads: tuple[str, ...] = (
        "plan",
        "links",
        "copies",
        "attention",
        "overlap",
        "batch",
        "tokens/s per chip",
    )
    heads += ("TPOT, ms", "attention", "D2D", "floor / time")

    def line(row: dict) -> tuple[str, ...]:
        return (
            row["plan"],
            f"{row['shape']}, {row['gb_per_s']:g} GB/s",
            row["copies"],
            row["attention"],
            "yes" if row["overlap"] else "no",
            str(row["batch"]),
            _range(row, "tokens_per_second_per_chip"),
            _range(row, "tpot_ms", 1),
            f"{row['attention_share']:.0%}",
            f"{row['d2d_share']:.0%}",
            f"{row['floor_share']:.0%}",
        )

    papers = points_of(result, "papers", "papers overlap")
    served = [
        (costs, row["model"], *line(row))
        for costs, curve in (("ours", "models"), ("paper", "papers models"))
        for row in points_of(result, curve)
    ]
    if point := next(iter(points_of(result, "flat")[1:]), None):
        served.insert(0, ("ours", point["model"], *line(point)))
    models = [
        (
            row["model"],
            row["quantity"].replace("_", " "),
            f"{row['derived']:,.0f}",
            f"{row['published']:,.0f}",
            f"{row['derived'] / row['published'] - 1:+.2%}",
            row["source"],
        )
        for row in result["models"]
    ]
    fabric = [
        (
            row["shape"],
            row["what"],
            str(row["packets"]),
            f"{row['flows_us']:.2f}",
            f"{row['packets_us']:.2f}",
            f"{row['error_percent']:+.1f}%",
            f"{row['round_robin_us']:.2f}",
            f"{row['bound_us']:.2f}" if row["bound_us"] else "",
        )
        for row in result["fabric"]
    ]
    fabric_heads = ("dies 4×4", "", "packets to each", "flows, µs", "packets, µs", "error")
    return {
        "wafer point": summary(result),
        "wafer batches": Table(
            "Batch", heads, [line(r) for r in points_of(result, "flat", "flash", "overlap")]
        ),
        "wafer papers": Table("By the papers' costs", heads, list(map(line, papers))),
        "wafer others": Table("Other models", ("costs", "model", *heads), served),
        "wafer fabrics": Table(
            "DieFabric",
            heads,
            [line(r) for r in points_of(result, "expert", "shape", "links")],
        ),
        "wafer bounds": Table(
            "If every kernel took its floor", heads, list(map(line, result["bounds"]))
        ),
        "wafer best": Table(
            f"Best plan under {result['limit_ms']:g} ms", heads, [line(r) for r in result["best"]]
        ),
        "wafer served": served_table(result),
        "wafer kernels": _kernel_table(result),
        "wafer models": Table(
            "Models",
            ("model", "what", "derived", "published", "difference", "source"),
            models,
        ),
        "wafer packets": Table(
            "Flows beside packets",
            (*fabric_heads, "taking turns, µs", "bound, µs"),
            fabric,
        ),
    }


def _kernel_table(result: dict) -> Table:
    """Kernels of a layer with experts, at the paper's point."""
    rows = [
        (
            row["name"],
            row["part"],
            row["shape"],
            f"{row['cycles']:,}",
            f"{row['floor_share']:.0%}",
            f"{row['matrix_active']:.0%}",
            f"{row['hbm_bandwidth_utilization']:.0%}",
            _binds(row),
            row["mapping"],
        )
        for row in result["layer"]
    ]
    heads = ("kernel", "part", "shape", "cycles", "floor / time", "arrays busy", "HBM busy")
    return Table("Kernels of a layer", (*heads, "what binds", "mapping"), rows)


def _binds(row: dict) -> str:
    """What keeps a kernel from its floor, by how busy arrays and HBM are."""
    if row["floor_share"] > _AT_FLOOR:
        return "near its floor"
    if row["hbm_bandwidth_utilization"] > _BUSY:
        return "HBM"
    if row["matrix_active"] - row["floor_share"] > _IDLE_ROWS:
        return "arrays partly filled"
    return "tiles alone" if row["part"] == "attention" else "first panels, last C"


def served_table(result: dict) -> Table:
    """Systems that serve DeepSeek-V3 or R1, per chip, per peak FLOP and per byte of HBM."""
    ours = paper_point(result, "flat")
    rows = [
        (
            "ours, the paper's point",
            "64 dies",
            PEAK_PFLOPS,
            HBM_TB_PER_S,
            ours["tokens_per_second_per_chip"],
            f"{ours['tpot_ms']:.1f}",
            "modelled",
        )
    ]
    with SERVED.open() as lines:
        for row in csv.DictReader(lines):
            peak, hbm, tokens = (
                float(row[key]) for key in ("peak_pflops", "hbm_tb_per_s", "tokens_per_s")
            )
            rows.append(
                (row["system"], row["chips"], peak, hbm, tokens, row["tpot_ms"], row["source"])
            )
    shown = [
        (
            system,
            chips,
            f"{tokens:,.0f}",
            tpot,
            f"{tokens / peak:,.0f}",
            f"{tokens / hbm:,.0f}",
            source,
        )
        for system, chips, peak, hbm, tokens, tpot, source in rows
    ]
    heads = ("system", "chips", "tokens/s per chip", "TPOT, ms", "per PFLOP/s", "per TB/s")
    return Table("Served systems", (*heads, "source"), shown)


def write_report(result: dict, console: Console) -> Path:
    """Print the tables, and write pictures, ``report.html`` and ``result.json``."""
    folder, shown = ROOT / "build" / "wafer", tables(result)
    for table in shown.values():
        table.show(console)
    images = pictures(result)
    for name, content in images.items():
        write(folder / f"{name}.png", content)
    body = "".join(table.html() for table in shown.values())
    body += "".join(
        f"<img alt={html.escape(name)} src=data:image/png;base64,{base64.b64encode(png).decode()}>"
        for name, png in images.items()
    )
    write(folder / "report.html", f"<!doctype html><meta charset=utf-8><title>Wafer</title>{body}")
    keys = {
        key: value
        for costs, suffix in (("ours", ""), ("paper", "_paper_costs"))
        for attention, end in (("flat", ""), ("flash", "_flash"))
        for key, value in flat_keys(paper_point(result, attention, costs), end + suffix).items()
    }
    quantities = {row["quantity"]: row["derived"] for row in result["models"][:2]}
    keys |= {"parameters": quantities["parameters"]}
    return write_result("wafer", keys | result)


def _maker(name: str) -> Callable[[dict], str]:
    return lambda result: tables(result)[name].markdown()


MAKERS = {
    name: _maker(name)
    for name in (
        *("wafer point", "wafer batches", "wafer fabrics", "wafer packets", "wafer best"),
        *("wafer served", "wafer models", "wafer bounds", "wafer kernels"),
        *("wafer papers", "wafer others"),
    )
}
"""Marker of the page to its maker."""
