"""What `make noc` works out and writes."""

import json

import pytest
from rich.console import Console

from isa.geometry import Rectangle
from programs.collectives.collective import Collective
from publish.noc.figures import curves, flat
from publish.noc.report import write_report
from publish.noc.router import router_keys, router_pictures, router_tables
from publish.noc.tables import tables
from tb.collectives.crowds import busiest_port, crowds
from tb.collectives.measure import Timing, distance
from tb.collectives.sweep import candidates
from tb.runner import ROOT


def sweep(machine, words=(1, 4, 64), software=3):
    """Results as the runs of a mesh give them: hardware takes D + L + 6, software `software` times
    as long.
    """
    timings = {}
    for shape in ("row2", "row4"):
        for candidate in candidates(machine, shape, lengths=words):
            _, kind, method, length, segment = candidate.item.key
            cycles = (
                distance(
                    Collective(
                        kind,
                        "hardware",
                        Rectangle(0, 0, int(shape[3:]) - 1, 0),
                        (0, 0),
                        length,
                        0,
                        0,
                    )
                )
                + length
                + 6
            )
            cycles *= 1 if method == "hardware" else software + (method != "tree") + (segment == 2)
            timings[shape, kind, method, length, segment] = Timing(cycles, 4, 0, 0)
    for name, collectives in crowds(machine).items():
        timings["crowd", name] = Timing(busiest_port(collectives) + 10, 4, 0, 0)
    return {
        "a run": {"timings": timings, "flits_checked": 10, "items": len(timings), "cycles": 1000}
    }


def test_figures_and_report(machine):
    results = sweep(machine)
    seen = curves(results)
    result = flat(machine, seen, results)
    assert result["cycles_per_hop"] == 1
    assert result["startup_cycles"] == 4
    assert result["multicast_rho_4_64"] == pytest.approx(73 / 67)
    assert result["allreduce_rho_4_64"] == pytest.approx(76 / 70)
    assert result["reduce_excess_2_1"] == 6
    assert result["reduce_speedup_4_64"] == 3
    assert result["reduce_software_4_64"] == "tree"
    assert result["crowd_every_row_multicasts"] == pytest.approx(74 / 64)
    result |= {"mesh": "4x2", "commit": "abc", "command": "test"}
    found = tables(machine, seen)
    console = Console(record=True, width=132, file=open("/dev/null", "w"))  # noqa: SIM115
    for table in found:
        table.show(console)
    shown = console.export_text()
    assert "reduce (sum), 4, L = 64" in shown
    path = write_report(machine, seen, result, results, found, "test-noc")
    folder = ROOT / "build" / "test-noc"
    assert json.loads(path.read_text()) == result
    page = (folder / "report.html").read_text()
    assert page.count("data:image/png;base64,") == 3
    assert "http" not in page.replace("http://www.w3.org", "")
    assert {"latency_4.svg", "rho.png", "speedup.svg", "curves.json"} <= {
        file.name for file in folder.iterdir()
    }
    assert not [file for file in folder.iterdir() if file.is_dir()]


def test_figures_of_bare_networks():
    curve = [
        {"offered": 0.1 * n, "accepted": min(0.1 * n, 0.72), "latency": 5.0 + n}
        for n in range(1, 10)
    ]
    somewhere = {"bins": ["L>E", "L>N", "N>S"], "seen": ["L>N"]}
    kinds = {
        "forks": {
            "bins": 9,
            "seen": 8,
            "holes": ["(0,0) L>E"],
            "unforeseen": [],
            "somewhere": somewhere,
        }
    }
    other = {
        "forks": {
            "bins": 1,
            "seen": 1,
            "holes": [],
            "unforeseen": [],
            "somewhere": {"bins": ["L>E"], "seen": ["L>E"]},
        }
    }
    results = {
        "zero load 4x1": {
            "cycles_per_hop": 1.0,
            "multicast_row4": {1: 5, 8: 12},
            "reduce_row4_sum": {1: 5, 8: 13},
        },
        "saturation uniform 4x4": {"bound": 1.0, "curve": curve, "saturation": 0.72},
        "saturation uniform 4x4, FIFO depth 2": {"bound": 1.0, "curve": curve, "saturation": 0.6},
        "random traffic 4x4": {"flits": 700, "hangs": 0, "coverage": {"data": kinds}},
        "random traffic 3x2": {"flits": 300, "hangs": 1, "coverage": {"data": other}},
        "random traffic 1x1": {"flits": 0, "hangs": 0, "coverage": {}},
        "deadlock set: row all-gather, sinks refuse 0%": {"runs": 500, "hangs": 2},
        "members disagree: order": {"runs": 9, "errors": 8, "hangs": 1, "wrong": 0, "slowest": 77},
        "faults": {
            "injected": 8,
            "caught": 7,
            "table": [{"network": "data", "fault": "drop", "noticed": {"missing": 7}}],
        },
    }
    keys = router_keys(results)
    assert keys["saturation_uniform_4x4"] == 0.72
    assert keys["saturation_uniform_4x4_depth_2"] == 0.6
    assert (keys["random_flits"], keys["hangs"]) == (1000, 3)
    assert (keys["coverage_bins"], keys["coverage_holes"], keys["coverage_holes_by_place"]) == (
        3,
        1,
        1,
    )
    assert (keys["faults_injected"], keys["faults_caught"], keys["deadlock_runs"]) == (8, 7, 500)
    assert (
        keys["disagreements"],
        keys["disagreements_reported"],
        keys["disagreements_wrong_sums"],
    ) == (9, 8, 0)
    shown = [cell for table in router_tables(results) for row in table.rows for cell in row]
    assert {
        "L + 4",
        "L + 4 to 5 (FP32)",
        "0.720",
        "missing 7",
        "1: (0,0) L>E",
        "1: N>S",
        "77",
    } <= set(shown)
    assert list(router_pictures(results)) == ["saturation"]
