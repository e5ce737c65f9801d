"""`make results`: copies what the other targets found last into docs/results, and rewrites the
tables made of it.
"""

import argparse
import json
import shutil
import textwrap

from isa.errors import UserError
from publish.conformance import mutation_table, summary_table
from publish.output import Table
from scripts import races
from scripts.docs import insert
from scripts.options import main
from scripts.tables import README, RESULTS
from tb.runner import ROOT
from verify.races.study import OUTCOMES

__all__ = ["tables"]

TARGETS = ("noc", "formal", "ablation", "races", "conformance")
PICTURES = ("latency_8", "saturation")
"""Pictures of `make noc` that README and docs show."""
PAGES = (README, ROOT / "docs" / "races.md", ROOT / "docs" / "conformance.md")


def _rows(heads: tuple[str, ...], rows: list[tuple[str, ...]]) -> str:
    return Table("", heads, rows).markdown()


def _noc(r: dict) -> str:
    def at(name: str, shape: str, *lengths: int, form: str = "{:.2f}") -> str:
        return " / ".join(form.format(r[f"{name}_{shape}_{n}"]) for n in lengths)

    def best(kind: str, length: int) -> str:
        return f"{r[f'{kind}_speedup_8_{length}']:.1f}× ({r[f'{kind}_software_8_{length}']})"

    return _rows(
        ("measure", "value"),
        [
            (
                "cycles a hop at zero load; cycles from an instruction's issue to its first flit",
                f"{r['cycles_per_hop']:g}; {r['startup_cycles']}",
            ),
            (
                "multicast, T/(D + L) at L = 64: row of 4 / row of 8 / 8×8",
                " / ".join(at("multicast_rho", shape, 64) for shape in ("4", "8", "8x8")),
            ),
            (
                "sum in FP32, likewise",
                " / ".join(at("reduce_rho", shape, 64) for shape in ("4", "8", "8x8")),
            ),
            (
                "all-reduce, likewise (D both ways)",
                " / ".join(at("allreduce_rho", shape, 64) for shape in ("4", "8", "8x8")),
            ),
            (
                "cycles beyond D + L at L = 1 / 16, row of 8: multicast; sum",
                f"{at('multicast_excess', '8', 1, 16, form='{}')}; {at('reduce_excess', '8', 1, 16, form='{}')}",
            ),
            (
                "multicast over the best software method, row of 8, L = 4, 64, 1024",
                ", ".join(best("multicast", n) for n in (4, 64, 1024)),
            ),
            (
                "sum over the best software method, row of 8, L = 4, 64, 1024",
                ", ".join(best("reduce", n) for n in (4, 64, 1024)),
            ),
            (
                "uniform random saturation, share of the bound: 4×4 / 8×8; neighbour 4×4",
                f"{r['saturation_uniform_4x4']:.1%} / {r['saturation_uniform_8x8']:.1%}; {r['saturation_neighbour_4x4']:.1%}",
            ),
            (
                "random flits checked; runs of the deadlock set; hangs",
                f"{r['random_flits']:,}; {r['deadlock_runs']:,}; {r['hangs']}",
            ),
            ("faults injected / caught", f"{r['faults_injected']} / {r['faults_caught']}"),
            (
                "coverage of a router: bins of forks, partial acceptances, stalls and joins; not seen",
                f"{r['coverage_bins']:,}; {r['coverage_holes']}",
            ),
        ],
    )


def _formal(r: dict) -> str:
    return _rows(
        ("properties", "proved", "faults put in", "caught"),
        [tuple(str(r[name]) for name in ("properties", "proved", "mutations", "mutations_caught"))],
    )


def _ablation(r: dict) -> str:
    cases = (
        ("full", "as it is"),
        ("forward", "reads go to one tile, which forwards them"),
        ("memory", "all-reduce through the root's L1"),
        ("neither", "both"),
    )
    full = r["cycles_full"]
    return _rows(
        (f"{r['workload']}, {r['dataflow']}", "cycles", "more"),
        [
            (text, f"{r[f'cycles_{key}']:,}", f"{r[f'cycles_{key}'] / full - 1:.1%}")
            for key, text in cases
        ],
    )


def _removed(r: dict) -> str:
    legend = "\n".join(
        f"* {name}: {text}" for name, text in OUTCOMES.items() if name != "unexplained"
    )
    return f"{races.outcome_table(r).markdown()}\n\n{legend}"


def _said(r: dict) -> str:
    blocks = []
    for title, message in races.messages(r):
        lines = message.splitlines()
        lines = lines[:_MOST_LINES] + ["..."] * (len(lines) > _MOST_LINES)
        text = "\n".join(textwrap.fill(line, 120, subsequent_indent="  ") for line in lines)
        blocks.append(f"{title}:\n\n```text\n{text}\n```")
    return "\n\n".join(blocks)


MAKERS = {
    "noc table": ("noc", _noc),
    "formal table": ("formal", _formal),
    "ablation table": ("ablation", _ablation),
    "races table": ("races", lambda r: races.family_table(r).markdown()),
    "races removed": ("races", _removed),
    "races said": ("races", _said),
    "conformance table": ("conformance", lambda r: summary_table(r).markdown()),
    "conformance mutations": ("conformance", lambda r: mutation_table(r).markdown()),
}
"""Marker to the target whose result it shows, and how."""
_MOST_LINES = 4
"""Of a message that are shown."""


def tables(results: dict[str, dict]) -> dict[str, str]:
    """Marker in README or docs to what is there."""
    return {
        marker: make(results[target])
        for marker, (target, make) in MAKERS.items()
        if target in results
    }


def run() -> int:
    """Copy (or with --from-results only rewrite README and docs)."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--from-results",
        action="store_true",
        help="rewrite README and docs from docs/results, copy nothing",
    )
    if not parser.parse_args().from_results:
        for target in TARGETS:
            _publish(target)
    paths = {target: RESULTS / f"{target}.json" for target in TARGETS}
    results = {
        target: json.loads(path.read_text()) for target, path in paths.items() if path.exists()
    }
    for page in PAGES:
        page.write_text(insert(page.read_text(), tables(results)))
    return 0


def _publish(target: str) -> None:
    source = ROOT / "build" / target / "result.json"
    if not source.exists():
        print(f"make {target} has not been run here: docs/results/{target}.json stays")
        return
    result = json.loads(source.read_text())
    if result.get("quick") or result.get("small"):
        raise UserError(
            f"build/{target}/result.json comes from a short run: run `make {target}` in full first"
        )
    RESULTS.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(source, RESULTS / f"{target}.json")
    for name in PICTURES if target == "noc" else ():
        picture = source.with_name(f"{name}.png")
        if picture.exists():
            shutil.copyfile(picture, RESULTS / picture.name)


if __name__ == "__main__":
    main(run)
