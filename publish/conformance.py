"""What `make conformance` found, as tables, Markdown, HTML, JUnit XML and the flat result."""

import html
import re
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from xml.etree import ElementTree

from publish.conformance_cycles import cycle_failure, pace_said, pace_table
from publish.output import Table, wide_console
from tb.files import write
from verify.conformance.cases import ConformanceCase
from verify.conformance.cycles import Pace, paces
from verify.mutants.catalogue import CATALOGUE
from verify.mutants.hunt import CYCLES, Catch

__all__ = ["Findings", "mutation_table", "show", "summary_table", "tables", "write_reports"]
STYLE = """body{font:14px/1.4 system-ui,sans-serif;margin:2em auto;max-width:110em;padding:0 1em}
table{border-collapse:collapse;margin:.5em 0 2em}
td,th{border:1px solid #ccc;padding:.15em .6em;text-align:right}
td:first-child,th:first-child{text-align:left}th{background:#eee;position:sticky;top:0}.note{color:#555}"""


@dataclass
class Findings:
    """Everything that came of a run."""

    cases: list[ConformanceCase]
    command: str
    """What repeats a case, but for its name."""
    outcomes: dict[str, dict] = field(default_factory=dict)
    """By the case's name, see `verify.conformance.check.CaseOutcome`."""
    bins: Mapping[str, int] = field(default_factory=dict)
    """Cases that hit each declared bin."""
    catches: list[Catch] = field(default_factory=list)
    clean: dict[str, dict] = field(default_factory=dict)
    """Cases of the mutation check on the hardware with no mutation switched on."""
    ours: Mapping[str, int] = field(default_factory=dict)
    """Committed cycles of our hardware, see `verify.conformance.cycles`."""
    foreign: bool = False
    """A design under test is run, whose cycles may be others."""

    @property
    def failed(self) -> dict[str, dict]:
        """Outcomes of the cases that failed, and of those that the mutations' hardware fails
        without a mutation.
        """
        found = {name: o for name, o in self.outcomes.items() if not (o["passed"] or o["skipped"])}
        for name, outcome in self.outcomes.items():
            if wrong := cycle_failure(outcome, self.ours, foreign=self.foreign):
                found[name] = outcome | {"passed": False, "how": CYCLES, "detail": wrong}
        for name, outcome in self.clean.items():
            before = self.outcomes.get(name, outcome)
            if name not in found and not (
                outcome["passed"] and outcome["cycles"] == before["cycles"]
            ):
                detail = (
                    outcome["detail"]
                    or f"{outcome['cycles']} cycles, without the mutations {before['cycles']}"
                )
                found[name] = outcome | {
                    "passed": False,
                    "how": "mutations, none switched on",
                    "detail": detail,
                }
        return found

    @property
    def missed(self) -> list[Catch]:
        """Mutations that nothing caught."""
        return [catch for catch in self.catches if not catch.caught]

    @property
    def pace(self) -> Pace:
        """Cycles beside those of our hardware."""
        return paces(self.outcomes, self.ours)

    @property
    def holes(self) -> list[str]:
        """Bins that no case hit."""
        return [name for name, hits in self.bins.items() if not hits]

    def result(self) -> dict:
        """The flat result, but for what belongs to the whole run."""
        hit = len(self.bins) - len(self.holes)
        return {
            "cases": len(self.outcomes),
            "failed": len(self.failed),
            "skipped": sum(outcome["skipped"] for outcome in self.outcomes.values()),
            "coverage_percent": 100 * hit / len(self.bins) if self.bins else 0.0,
            "coverage_bins": len(self.bins),
            "coverage_holes": ", ".join(self.holes),
            "mutations": len(self.catches),
            "mutations_caught": sum(catch.caught for catch in self.catches),
            "failed_cases": ", ".join(self.failed),
            "cycles_median": self.pace.median,
            "cycles_out_of_line": ", ".join(self.pace.out_of_line) if self.foreign else "",
            "cycles_unknown": self.pace.unknown,
            **{f"mutation_{catch.name}": str(catch) for catch in self.catches},
        }


def tables(found: Findings, result: dict, *, short: bool = False) -> list[Table]:
    """What a user reads; `short`: without a line for every case and mutation."""
    made = [summary_table(result)]
    if found.failed:
        rows = [
            (name, o["how"], o["detail"], f"{found.command} CASE={name}")
            for name, o in found.failed.items()
        ]
        made.append(Table("Failed", ("case", "how", "what", "repeat with"), rows))
    if found.foreign and found.pace.ratios:
        made.append(pace_table(found.pace, found.cases, found.outcomes, short=short))
    if found.bins:
        made.append(_coverage(found, short))
    if found.catches and not short:
        made.append(mutation_table(result))
    if found.outcomes and not short:
        made.append(_cases(found))
    return made


def summary_table(result: dict) -> Table:
    """The run in one line."""
    row = (
        f"{result['cases']}",
        f"{result['failed']}",
        f"{result['skipped']}",
        f"{result['coverage_percent']:.1f} % of {bins}"
        if (bins := result["coverage_bins"])
        else "",
        f"{result['mutations_caught']} / {result['mutations']}" if result["mutations"] else "",
        f"{result['seconds']:.0f} s",
    )
    title = f"Conformance, set {result['set']}, {result['dut'] or result['target']}"
    return Table(
        title, ("cases", "failed", "skipped", "coverage", "mutations caught", "time"), [row]
    )


def _coverage(found: Findings, short: bool) -> Table:
    groups: dict[str, list[int]] = {}
    for name, hits in found.bins.items():
        groups.setdefault(name.split("/")[0], []).append(hits)
    rows = [
        (group, f"{sum(map(bool, hits))} / {len(hits)}", f"{min(hits)}")
        for group, hits in groups.items()
    ]
    if short:
        rows = [row for row in rows if row[2] == "0"]
    note = f"holes: {', '.join(found.holes)}" if found.holes else "no holes"
    return Table("Coverage", ("group", "bins hit", "cases that hit the rarest"), rows, note)


def mutation_table(result: dict) -> Table:
    """Every mutation with the cases that saw it, how many were tried, and how widely."""
    rows = []
    for number, mutation in enumerate(CATALOGUE, 1):
        seen = result.get(f"mutation_{mutation.name}")
        if seen is not None:
            said = re.fullmatch(r"(.+) by ([^:]+): (\d+) of (\d+) cases(?:, (\d+) words)?", seen)
            how, by, times, of, words = said.groups() if said else (seen, "", "0", "", "")
            often = f"{times} of {of}" if of else ""
            if times == "1":
                often += ", **once**"
            rows.append((str(number), mutation.what, how or "not caught", often, words or "", by))
    heads = ("number", "fault", "seen as", "by cases", "wrong words", "seen by")
    return Table("Mutations", heads, rows)


def _cases(found: Findings) -> Table:
    rows = []
    for case in found.cases:
        o = found.outcomes[case.name]
        verdict = "passed" if o["passed"] else "skipped" if o["skipped"] else o["how"]
        formats = (
            "/".join(filter(None, (case.dtype, case.p or case.dtype, case.o or case.dtype)))
            if case.dtype
            else ""
        )
        error = "" if o["error_ratio"] is None else f"{o['error_ratio']:.2f}"
        rows.append(
            (
                case.name,
                case.workload or f"instructions, {case.numbers}",
                case.dataflow,
                formats,
                case.numbers,
                case.options,
                f"{case.stall}/256, {case.latency}, {case.bandwidth}",
                verdict,
                f"{o['cycles']:,}" if o["cycles"] else "",
                f"{o.get('floor', 0):,}",
                f"{found.pace.ratios[case.name]:.3f}" if case.name in found.pace.ratios else "",
                error,
            )
        )
    heads = (
        "case",
        "workload",
        "dataflow",
        "q k v / p / o",
        "numbers",
        "network",
        "stalls, latency, B/cycle",
        "verdict",
        "cycles",
        "least",
        "of ours",
        "error",
    )
    return Table(
        "Cases",
        heads,
        rows,
        "error: largest share of the tolerance against fp64 (docs/numerics.md)",
    )


def show(found: Findings, result: dict) -> None:
    """Print the tables, and what failed with the command that repeats it."""
    console = wide_console()
    for table in tables(found, result, short=True):
        table.show(console)
    for name, outcome in found.failed.items():
        print(
            f"flatmesh: case {name} failed: {outcome['how']}: {outcome['detail']}", file=sys.stderr
        )
        print(f"repeat with: {found.command} CASE={name}", file=sys.stderr)
        if outcome["how"] in ("wrong bits", "hang", "semaphores", "HBM bytes"):
            small = found.command.replace("conformance", "shrink", 1)
            print(f"make it small with: {small} CASE={name}", file=sys.stderr)
    if len(found.catches) == 1 and found.catches[0].sights:
        print(f"{found.catches[0].name}: {found.catches[0]}")
    if found.outcomes:
        print(pace_said(found.pace, foreign=found.foreign))
    for catch in found.missed:
        print(f"flatmesh: mutation {catch.number} ({catch.name}) was not caught", file=sys.stderr)
        print(f"repeat with: {found.command} MUTANT={catch.number}", file=sys.stderr)


def write_reports(folder: Path, found: Findings, result: dict) -> None:
    """Write ``report.md``, ``report.html`` and ``junit.xml``."""
    made = tables(found, result)
    parts = [f"## {table.title}\n\n{table.markdown()}\n\n{table.note}".rstrip() for table in made]
    write(folder / "report.md", "# make conformance\n\n" + "\n\n".join(parts) + "\n")
    body = "".join(table.html() for table in made)
    write(
        folder / "report.html",
        "<!doctype html><html lang=en><meta charset=utf-8><title>make conformance</title>"
        f"<style>{STYLE}</style><body><h1>make conformance</h1><p>{html.escape(found.command)}, "
        f"commit {html.escape(result['commit'])}</p>{body}</body></html>\n",
    )
    junit = ElementTree.tostring(_junit(found, result), encoding="utf-8", xml_declaration=True)
    write(folder / "junit.xml", junit)


def _junit(found: Findings, result: dict) -> ElementTree.Element:
    suites = ElementTree.Element("testsuites")
    suite = ElementTree.SubElement(
        suites,
        "testsuite",
        name="conformance",
        tests=str(len(found.outcomes)),
        failures=str(len(found.failed)),
        skipped=str(result["skipped"]),
        time=f"{result['seconds']:.1f}",
    )
    for name, outcome in (found.outcomes | found.failed).items():
        case = ElementTree.SubElement(
            suite, "testcase", name=name, classname="cases", time=f"{outcome['seconds']:.2f}"
        )
        if name in found.failed:
            ElementTree.SubElement(case, "failure", message=outcome["how"]).text = outcome["detail"]
        elif outcome["skipped"]:
            ElementTree.SubElement(case, "skipped", message=outcome["detail"])
    if found.catches:
        suite = ElementTree.SubElement(
            suites,
            "testsuite",
            name="mutations",
            tests=str(len(found.catches)),
            failures=str(len(found.missed)),
        )
        for catch in found.catches:
            case = ElementTree.SubElement(suite, "testcase", name=catch.name, classname="mutations")
            if not catch.caught:
                ElementTree.SubElement(case, "failure", message="not caught")
    return suites
