"""What `make explore` shows: a table, a picture of the fronts, a page, and result.json."""

import base64
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import matplotlib

matplotlib.use("Agg")

import matplotlib.pyplot as plt
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import NullFormatter
from rich.console import Console

from isa.errors import UserError
from isa.words import counted
from publish.explore.front import PRICES, front, undecided
from publish.explore.sweep import Skipped, Sweep, SweepPoint
from publish.noc.report import drawn
from publish.output import Table
from tb.files import write, write_json
from tb.runner import ROOT

__all__ = ["front_table", "page_table", "picture", "point_table", "show", "write_sweep"]

_HERE = Path(__file__).parent
MOST = 40
"""Points that are listed on a terminal; of more, only those on a front."""
MARK = "*"
_COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9")
_LABELS = {"HBM": "bytes a cycle of all HBM channels", "L1": "MiB of L1 of all tiles"}
NOTE = (
    "HBM: bytes a cycle of all channels; L1: KiB of a tile; mJ: by published energies, not ours; "
    f"utilisation with its 90 % interval; {MARK} no RTL run on a machine like it, so twice as wide "
    "(docs/validation.md)"
)
HEADS = ("tiles", "array", "link", "lanes", "HBM", "L1", "group", "cycles", "mJ", "utilisation")


def _cells(row: Mapping[str, Any], on: Sequence[str]) -> tuple[str, ...]:
    """Of `SweepPoint.row`, and the fronts that it is on."""
    low, high = row["matrix_utilization_low"], row["matrix_utilization_high"]
    mark, mj = "" if row["checked"] else f" {MARK}", row["energy_joules"] * 1e3
    return (
        *(row["tiles"], row["array"], str(row["link_bits"]), str(row["vector_lanes"])),
        *(str(row["hbm_bytes_per_cycle"]), f"{row['l1_bytes'] / 1024:g}", row["group"]),
        *(f"{row['cycles']:,}", f"{mj:,.0f}" if mj >= 10 else f"{mj:.2g}"),
        f"{row['matrix_utilization']:.1%} ({low * 100:.0f}..{high * 100:.0f}){mark}",
        ", ".join(on),
    )


def point_table(title: str, points: Sequence[SweepPoint], listed: Sequence[SweepPoint]) -> Table:
    """Points, and of which fronts each is."""
    fronts = {name: front(points, price) for name, price in PRICES.items()}
    rows = [
        _cells(point.row(), [name for name, on in fronts.items() if point in on])
        for point in listed
    ]
    return Table(title, (*HEADS, "front"), rows, NOTE)


def front_table(points: Sequence[SweepPoint]) -> Table:
    """Points of both fronts only."""
    on = [point for price in PRICES.values() for point in front(points, price)]
    listed = [point for point in points if point in on]
    return point_table(f"on a front, of {counted(len(points), 'point')}", points, listed)


def page_table(result: Mapping[str, Any]) -> str:
    """The part of docs/explore.md: what was asked, and the points on a front.

    Raises
    ------
    UserError
        If a point failed.
    """
    if result["failed"]:
        raise UserError(f"explore: {counted(result['failed'], 'point')} failed")
    fronts = {"HBM": result["front_hbm"], "L1": result["front_l1"]}
    rows = []
    for row in result["points"]:
        if on := [name for name, some in fronts.items() if row["point"] in some]:
            rows.append(tuple(cell.replace("*", "\\*") for cell in _cells(row, on)))
    asked = f"`{result['workload']}` on {result['machine']} {result['mesh']}, `{result['vary']}`"
    told = f"{asked}: {counted(result['computed'], 'point')}, {result['cpu_seconds']:.0f} s of CPU."
    return f"{told} Those on a front:\n\n{Table('', (*HEADS, 'front'), rows).markdown()}"


def show(console: Console, title: str, sweep: Sweep) -> None:
    """Print the table, and what was skipped and why, each reason once."""
    points = sweep.points
    if len(points) > MOST:
        front_table(points).show(console)
    elif points:
        point_table(title, points, points).show(console)
    for line in told(sweep):
        console.print(line, highlight=False, markup=False, soft_wrap=True)


def told(sweep: Sweep) -> list[str]:
    """What a reader of the table must know."""
    lines = []
    for name, price in PRICES.items():
        if left := undecided(sweep.points, price):
            lines.append(
                f"front of {name}: within the intervals of {counted(len(left), 'more point')}"
            )
    for what, skipped in (("not possible", sweep.impossible), ("failed", sweep.failed)):
        if skipped:
            lines.append(f"{counted(len(skipped), 'point')} {what}:")
            reasons: dict[str, list[Skipped]] = {}
            for one in skipped:  # the reason comes after the values
                reasons.setdefault(one.why.rpartition(": ")[2], []).append(one)
            for some in reasons.values():
                more = f" ({len(some) - 1} more like it)" if len(some) > 1 else ""
                lines.append(f"  {some[0].why}{more}")
    return lines


def picture(title: str, points: Sequence[SweepPoint]) -> Figure:
    """Utilisation against each price: all points, and the front as steps."""
    figure, panels = plt.subplots(1, len(PRICES), figsize=(10, 4), sharey=True)
    tiles = list(dict.fromkeys(point.on.mesh for point in points))
    colours = {mesh: _COLOURS[n % len(_COLOURS)] for n, mesh in enumerate(tiles)}
    for axes, (name, price) in zip(panels, PRICES.items(), strict=True):
        for point in points:
            _dot(axes, price(point), point, colours[point.on.mesh])
        on = front(points, price)
        costs = [price(point) for point in on] + [max(price(point) for point in points)]
        used = [point.utilization for point in on] + [on[-1].utilization]
        axes.step(costs, used, where="post", color="k", lw=1)
        axes.set_xscale("log", base=2)
        ticks = sorted({price(point) for point in points})
        axes.set_xticks(ticks, [f"{tick:g}" for tick in ticks])
        axes.xaxis.set_minor_formatter(NullFormatter())
        axes.set_xlabel(_LABELS[name])
        axes.grid(alpha=0.3)
    panels[0].set_ylabel("matrix utilisation")
    panels[0].set_ylim(0, 1.02)
    for mesh, colour in colours.items():
        tile = next(point.on.tile for point in points if point.on.mesh == mesh)
        label = f"{mesh.columns}x{mesh.rows} of {tile.matrix_rows}x{tile.matrix_columns}"
        panels[-1].plot([], [], "o", color=colour, label=label)
    panels[-1].plot([], [], "o", color="k", mfc="none", label="not checked by RTL")
    panels[-1].plot([], [], color="k", lw=1, label="front")
    panels[-1].legend(fontsize=8, loc="center left", bbox_to_anchor=(1.02, 0.5))
    figure.suptitle(title, fontsize=10)
    return figure


def _dot(axes: Axes, cost: float, point: SweepPoint, colour: str) -> None:
    low, high = point.range
    used = point.utilization
    axes.errorbar(
        cost,
        used,
        yerr=[[used - low], [high - used]],
        fmt="o",
        color=colour,
        ms=5,
        mfc=colour if point.within.checked else "none",
        elinewidth=0.6,
        alpha=0.8,
    )


def write_sweep(
    title: str, sweep: Sweep, about: Mapping[str, Any], folder: Path = ROOT / "build" / "explore"
) -> Path:
    """Write ``front.png``, ``front.svg``, ``report.html`` and, last, ``result.json``; returns the
    report's path.
    """
    points = sweep.points
    images = drawn(picture(title, points))
    for kind, content in images.items():
        write(folder / f"front.{kind}", content)
    parts = {
        "TITLE": title,
        "PICTURE": base64.b64encode(images["png"]).decode(),
        "TABLE": point_table("All points", points, points).html(),
        "TOLD": "\n".join(f"<li>{line}</li>" for line in told(sweep)),
    }
    text = (_HERE / "report.html").read_text()
    for name, part in parts.items():
        text = text.replace("{{" + name + "}}", part)
    write(folder / "report.html", text)
    on = {name: [p.point for p in front(points, price)] for name, price in PRICES.items()}
    result = {
        **about,
        "computed": len(points),
        "impossible": len(sweep.impossible),
        "failed": len(sweep.failed),
        "kept": sweep.kept,
        "cpu_seconds": sum(point.seen.seconds for point in points),
        "front_hbm": on["HBM"],
        "front_l1": on["L1"],
        "points": [point.row() for point in points],
        "skipped": [one._asdict() for one in (*sweep.impossible, *sweep.failed)],
    }
    write_json(folder / "result.json", result)
    return folder / "report.html"
