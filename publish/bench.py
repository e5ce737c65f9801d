"""What `make bench` prints and keeps."""

from collections.abc import Mapping, Sequence

from publish.output import Table
from tb.speed import Flow

__all__ = ["bench_result", "bench_rows", "large_result", "speed_table"]


def bench_rows(flows: Sequence[Flow]) -> list[tuple[str, str, str]]:
    """A line for each flow: bare, through cocotb, and what it is."""
    first = flows[0]
    return [
        (
            flow.name,
            f"{flow.kcycles_bare:.1f} bare, {flow.kcycles:.1f} through cocotb "
            f"({flow.kcycles / flow.kcycles_bare:.2f})",
            f"{flow.kcycles_bare / first.kcycles_bare:.2f} times {first.name}: {flow.text}",
        )
        for flow in flows
    ]


def bench_result(flows: Sequence[Flow], machine: str) -> dict:
    """The same as keys of ``build/bench/result.json``; those without a flow's name are of the
    fastest that is all RTL.
    """
    by_name = {flow.name: flow for flow in flows}
    first, rtl, functional = flows[0], by_name["profiled"], by_name["functional"]
    return {
        f"kcycles_{machine}": rtl.kcycles,
        f"kcycles_{machine}_bare": rtl.kcycles_bare,
        f"ratio_{machine}": rtl.kcycles / rtl.kcycles_bare,
        f"kcycles_{machine}_functional": functional.kcycles,
        f"build_seconds_{machine}": by_name["lanes"].build_seconds,
        "ratio_to_hierarchical": rtl.kcycles / first.kcycles,
        "ratio_to_hierarchical_functional": functional.kcycles / first.kcycles,
        "flows": {flow.name: flow.text for flow in flows},
        **{
            f"{flow.name}_{key}": value
            for flow in flows
            for key, value in (("kcycles", flow.kcycles), ("kcycles_bare", flow.kcycles_bare))
        },
    }


def large_result(rows: Sequence[Mapping]) -> dict:
    """Keys of the machines that `make measure SET=large` runs, from its published rows."""
    found: dict[str, float] = {}
    for row in rows:
        if row["machine"] in ("mesh8", "mesh16", "mesh32"):
            found |= {
                f"kcycles_{row['machine']}": row["kcycles_per_second"],
                f"build_seconds_{row['machine']}": row["build_seconds"],
                f"build_mb_{row['machine']}": row["peak_megabytes"],
            }
    return found


def speed_table(result: Mapping) -> str:
    """The flows of a published result."""
    first = next(iter(result["flows"]))
    lines = []
    for flow, text in result["flows"].items():
        bare, cocotb = result[f"{flow}_kcycles_bare"], result[f"{flow}_kcycles"]
        ratio = bare / result[f"{first}_kcycles_bare"]
        lines.append((text, f"{bare:.1f}", f"{cocotb:.1f}", f"{cocotb / bare:.2f}", f"{ratio:.2f}"))
    heads = ("flow", "bare kcycles/s", "through cocotb", "of bare", "bare, of the first")
    return Table("", heads, lines).markdown()
