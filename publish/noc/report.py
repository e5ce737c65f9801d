"""Pictures of `make noc` and its one self-contained HTML page."""

import base64
import html
import io
from pathlib import Path

import matplotlib

matplotlib.use("Agg")

import matplotlib.pyplot as plt
from matplotlib.figure import Figure

from isa.machine import Machine
from programs.collectives.collective import KINDS
from publish.noc.figures import Curves, far, label
from publish.noc.router import coverage, router_pictures
from publish.noc.tables import NAMES
from publish.output import Table, write_result
from tb.collectives.sweep import SHAPES
from tb.files import write, write_json
from tb.runner import ROOT

__all__ = ["drawn", "pictures", "write_report"]

COLOURS = {
    "hardware": "#c0392b",
    "unicast": "#95a5a6",
    "chain": "#2980b9",
    "comb": "#16a085",
    "tree": "#8e44ad",
    "doubling": "#e67e22",
    "halving": "#27ae60",
}
_HERE = Path(__file__).parent
SHADES = {
    "row2": "#f1c40f",
    "row4": "#e67e22",
    "row8": "#c0392b",
    "4x4": "#2980b9",
    "8x8": "#2c3e50",
}


def write_report(
    machine: Machine,
    seen: Curves,
    result: dict,
    results: dict[str, dict],
    tables: list[Table],
    target: str = "noc",
) -> Path:
    """Write pictures, curves.json, coverage.json, report.html and, last, result.json under
    ``build/<target>``; return the last one's path.
    """
    folder = ROOT / "build" / target
    images = {name: drawn(figure) for name, figure in pictures(seen, results).items()}
    for name, kinds in images.items():
        for kind, content in kinds.items():
            write(folder / f"{name}.{kind}", content)
    write_json(folder / "curves.json", _rows(seen))
    write_json(folder / "coverage.json", coverage(results))
    shown = {name: kinds["png"] for name, kinds in images.items()}
    write(folder / "report.html", _page(machine, result, tables, shown))
    return write_result(target, result)


def drawn(figure: Figure) -> dict[str, bytes]:
    """The picture by its kind of file."""
    found = {}
    for kind in ("png", "svg"):
        content = io.BytesIO()
        figure.savefig(content, format=kind, dpi=130, bbox_inches="tight")
        found[kind] = content.getvalue()
    plt.close(figure)
    return found


def _rows(seen: Curves) -> list[dict]:
    return [
        {
            "shape": shape,
            "kind": kind,
            "method": method,
            "words": point.words,
            "cycles": point.cycles,
            "segment": point.segment,
            "rho": point.cycles / (far(shape, kind) + point.words),
        }
        for (shape, kind, method), points in seen.points.items()
        for point in points
    ]


def pictures(seen: Curves, results: dict[str, dict]) -> dict[str, Figure]:
    """All pictures for which there are figures."""
    drawn: dict[str, Figure] = {}
    shapes = [shape for shape in SHAPES if (shape, "multicast", "hardware") in seen.points]
    for shape in shapes:
        if shape != "row2":
            drawn[f"latency_{label(shape)}"] = _latency(seen, shape)
    if shapes:
        drawn["rho"] = _rho(seen, shapes)
        drawn["speedup"] = _speedup(seen, shapes)
    return drawn | router_pictures(results)


def _axes(title: str, ylabel: str) -> tuple[Figure, list]:
    figure, axes = plt.subplots(1, len(KINDS), figsize=(13, 3.9), sharey=True)
    for kind, ax in zip(KINDS, axes, strict=True):
        ax.set_xscale("log", base=2)
        ax.set_xlabel("L, flits")
        ax.set_title(NAMES[kind], fontsize=10)
        ax.grid(alpha=0.25)
    axes[0].set_ylabel(ylabel)
    figure.suptitle(title, fontsize=12)
    return figure, list(axes)


def _latency(seen: Curves, shape: str) -> Figure:
    where = f"a row of {label(shape)}" if shape.startswith("row") else label(shape)
    figure, axes = _axes(f"From issue to the last word in the farthest SRAM, {where}", "cycles")
    for kind, ax in zip(KINDS, axes, strict=True):
        ax.set_yscale("log")
        for method, colour in COLOURS.items():
            points = seen.points.get((shape, kind, method), [])
            if points:
                wide = 2.4 if method == "hardware" else 1.2
                ax.plot(
                    [p.words for p in points],
                    [p.cycles for p in points],
                    "o-",
                    color=colour,
                    lw=wide,
                    ms=3,
                    label=method,
                )
        lengths = [point.words for point in seen.points[shape, kind, "hardware"]]
        ax.plot(lengths, [far(shape, kind) + n for n in lengths], "k:", lw=1.2, label="bound D + L")
    axes[-1].legend(fontsize=8)
    return figure


def _rho(seen: Curves, shapes: list[str]) -> Figure:
    figure, axes = _axes("How near the bound: T / (D + L) of the network", "T / (D + L)")
    for kind, ax in zip(KINDS, axes, strict=True):
        for shape in shapes:
            points = seen.points[shape, kind, "hardware"]
            rho = [point.cycles / (far(shape, kind) + point.words) for point in points]
            ax.plot(
                [point.words for point in points],
                rho,
                "o-",
                ms=3,
                color=SHADES[shape],
                label=label(shape),
            )
        ax.axhline(1, color="k", lw=0.8)
        ax.axhline(1.1, color="k", lw=0.6, ls=":")
    axes[-1].legend(fontsize=8, title="tiles")
    return figure


def _speedup(seen: Curves, shapes: list[str]) -> Figure:
    figure, axes = _axes("Speed-up of the network over the best software method", "times faster")
    for kind, ax in zip(KINDS, axes, strict=True):
        for shape in shapes:
            lengths = [point.words for point in seen.points[shape, kind, "hardware"]]
            pairs = [(n, speedup) for n in lengths if (speedup := seen.speedup(shape, kind, n))]
            ax.plot(
                [n for n, _ in pairs],
                [s for _, s in pairs],
                "o-",
                ms=3,
                color=SHADES[shape],
                label=label(shape),
            )
        ax.axhline(1, color="k", lw=0.8)
    axes[-1].legend(fontsize=8, title="tiles")
    return figure


HEADLINES = (
    ("cycles_per_hop", "cycles a hop", "{:.2f}"),
    ("startup_cycles", "cycles from instruction to first flit", "{}"),
    ("multicast_rho_8_64", "T/(D+L), multicast, row of 8, 64 flits", "{:.2f}"),
    ("reduce_rho_8_64", "T/(D+L), reduce, row of 8, 64 flits", "{:.2f}"),
    ("multicast_rho_8x8_64", "T/(D+L), multicast, 8x8, 64 flits", "{:.2f}"),
    ("multicast_speedup_8_64", "times the best software multicast", "{:.1f}"),
    ("reduce_speedup_8_64", "times the best software reduction", "{:.1f}"),
    ("saturation_uniform_8x8", "of the bound, uniform random, 8x8", "{:.2f}"),
    ("random_flits", "random flits checked", "{:,}"),
    ("hangs", "hangs", "{}"),
    ("faults_caught", "injected faults caught", "{}"),
)


def _page(machine: Machine, result: dict, tables: list[Table], images: dict[str, bytes]) -> str:
    boxes = "".join(
        f"<div class=figure><b>{form.format(result[key])}</b><span>{html.escape(text)}</span></div>"
        for key, text, form in HEADLINES
        if key in result
    )
    drawn = "".join(
        f'<p><img alt="{html.escape(name)}" '
        f'src="data:image/png;base64,{base64.b64encode(content).decode()}"></p>'
        for name, content in images.items()
    )
    style, methods = ((_HERE / name).read_text() for name in ("page.css", "methods.html"))
    return (
        "<!doctype html><html lang=en><meta charset=utf-8>"
        f"<title>flatmesh: the network, measured</title><style>\n{style}</style>"
        "<h1>The network, measured on the RTL</h1>"
        f"<p>Machine {html.escape(machine.name)}, mesh {result['mesh']}, "
        f"commit {html.escape(result['commit'])}. "
        f"Made by <code>{html.escape(result['command'])}</code>.</p>"
        f"<div class=figures>{boxes}</div>"
        f"<h2>How it is measured</h2>{methods}<h2>Pictures</h2>{drawn}"
        f"<h2>Tables</h2>{''.join(table.html() for table in tables)}"
        f"<h2>The machine</h2><pre>{html.escape(machine.to_toml())}</pre></html>\n"
    )
