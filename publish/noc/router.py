"""The half of `make noc` that runs bare networks of routers: latency, saturation, random traffic,
deadlock set, faults.
"""

from matplotlib import pyplot as plt
from matplotlib.figure import Figure

from publish.noc.router_tasks import MESHES, ROW
from publish.output import Table

__all__ = ["coverage", "router_keys", "router_pictures", "router_tables"]

PEER = (
    ("cycles per router, zero load", "2", "1"),
    ("row multicast of L flits over 4 tiles, inject to last eject", "L + 7", "L + 3"),
    (
        "row sum of L flits over 4 tiles: combinational / one-stage adder",
        "L + 7 / L + 10",
        "L + 3 / –",
    ),
    ("uniform random saturation 4x4, flits a tile and cycle, packets of 1", "0.593", "–"),
)
"""FlooNoC's router alone, Verilated, commit 2fa02eb2, 128-bit data, integer sums, input/output FIFO
depths 2/2 and 2/0.
"""


def _named(results: dict[str, dict], start: str) -> dict[str, dict]:
    """Results whose task's name begins so, by the rest of it."""
    return {
        name.removeprefix(start): result
        for name, result in results.items()
        if name.startswith(start)
    }


def router_keys(results: dict[str, dict]) -> dict:
    """Keys of result.json."""
    keys: dict = {}
    if load := results.get(f"zero load {ROW}"):
        keys["router_cycles_per_hop"] = load["cycles_per_hop"]
        for name in ("multicast_row4", "reduce_row4_sum"):
            keys |= {f"router_{name}_{length}": cycles for length, cycles in load[name].items()}
    for name, result in _named(results, "saturation ").items():
        key = name.replace(", FIFO depth ", "_depth_").replace(" ", "_").replace("-", "_")
        keys[f"saturation_{key}"] = result["saturation"]
    traffic, deadlock = _named(results, "random traffic "), _named(results, "deadlock set: ")
    if traffic:
        keys["random_flits"] = sum(result["flits"] for result in traffic.values())
        keys["coverage_bins"] = sum(len(bins) for bins, _ in _somewhere(results).values())
        keys["coverage_holes"] = sum(
            len(bins - seen) for bins, seen in _somewhere(results).values()
        )
        keys["coverage_holes_by_place"] = sum(
            len(kind["holes"])
            for result in traffic.values()
            for network in result["coverage"].values()
            for kind in network.values()
        )
    if deadlock:
        keys["deadlock_runs"] = sum(result["runs"] for result in deadlock.values())
    if traffic or deadlock:
        keys["hangs"] = sum(result["hangs"] for result in (*traffic.values(), *deadlock.values()))
    if disagree := _named(results, "members disagree: "):
        keys["disagreements"] = sum(result["runs"] for result in disagree.values())
        keys["disagreements_reported"] = sum(result["errors"] for result in disagree.values())
        keys["disagreements_wrong_sums"] = sum(result["wrong"] for result in disagree.values())
    if faults := results.get("faults"):
        keys |= {"faults_injected": faults["injected"], "faults_caught": faults["caught"]}
    return keys


def router_tables(results: dict[str, dict]) -> list[Table]:
    """Tables of what was run."""
    makers = (_beside_peer, _saturation, _traffic, _deadlock, _disagreements, _faults)
    return [table for make in makers for table in make(results)]


def _beside_peer(results: dict[str, dict]) -> list[Table]:
    load = results.get(f"zero load {ROW}")
    if not load:
        return []
    ours = (
        f"{load['cycles_per_hop']:g}",
        _excess(load["multicast_row4"]),
        f"{_excess(load['reduce_row4_sum'])} (FP32)",
        _saturated(results),
    )
    return [
        Table(
            "Routers alone, beside the best open one",
            ("measure", "flatmesh", "FlooNoC, FIFOs 2/2", "FlooNoC, FIFOs 2/0"),
            [(name, mine, *theirs) for (name, *theirs), mine in zip(PEER, ours, strict=True)],
            "FlooNoC's router, commit 2fa02eb2, integer sums, measured the same way: from the "
            "injection of the first flit to the ejection of the last, without network interfaces",
        )
    ]


def _saturation(results: dict[str, dict]) -> list[Table]:
    rows = [
        (
            name,
            f"{c['bound']:.3f}",
            f"{c['saturation'] * c['bound']:.3f}",
            f"{c['saturation']:.1%}",
            f"{c['curve'][0]['latency']:.1f}",
        )
        for name, c in _named(results, "saturation ").items()
    ]
    heads = (
        "traffic",
        "bound, flits a tile and cycle",
        "accepted at saturation",
        "of the bound",
        "latency at the lowest load",
    )
    note = "the bound: the busiest link or port carries a flit every cycle"
    return [Table("Saturation, single-flit packets", heads, rows, note)] if rows else []


def _traffic(results: dict[str, dict]) -> list[Table]:
    """Random traffic, and the coverage of a router by it, in all and at every place."""
    traffic = _named(results, "random traffic ")
    if not traffic:
        return []
    flits = [(mesh, f"{seen['flits']:,}", str(seen["hangs"])) for mesh, seen in traffic.items()]
    somewhere = [
        (name, str(len(bins)), str(len(bins & seen)), _some(sorted(bins - seen)))
        for name, (bins, seen) in _somewhere(results).items()
    ]
    places = [
        (f"{mesh}, {network}: {kind}", str(bins["bins"]), str(bins["seen"]), _some(bins["holes"]))
        for mesh, result in traffic.items()
        for network, kinds in result["coverage"].items()
        for kind, bins in kinds.items()
    ]
    return [
        Table("Random mixed traffic, every flit checked", ("mesh", "flits", "hangs"), flits),
        Table(
            "Coverage of a router by the random traffic",
            ("network: kind", "bins", "seen", "holes"),
            somewhere,
            "forks: sets of branches at an input; splits: one branch took the flit, another did "
            "not; joins: sets of inputs, operation, format; late: one input waited for another. "
            "All routers are the same module: a bin is seen if any of them saw it",
        ),
        Table("The same at every place", ("mesh, network: kind", "bins", "seen", "holes"), places),
    ]


def _deadlock(results: dict[str, dict]) -> list[Table]:
    found = _named(results, "deadlock set: ")
    rows = [(name, str(result["runs"]), str(result["hangs"])) for name, result in found.items()]
    return [Table("Deadlock set", ("pattern", "runs", "hangs"), rows)] if rows else []


def _disagreements(results: dict[str, dict]) -> list[Table]:
    rows = [
        (kind, *(_text(r[name]) for name in ("runs", "errors", "hangs", "wrong", "slowest")))
        for kind, r in _named(results, "members disagree: ").items()
    ]
    heads = (
        "what differs",
        "runs",
        "reported by a router",
        "stood still",
        "wrong sums",
        "cycles to the report, at most",
    )
    title = "Reductions of which one member's is not like the others'"
    note = (
        "what stands still without a report here, because a partner never comes, is reported by "
        "the tiles' watchdog"
    )
    return [Table(title, heads, rows, note)] if rows else []


def _faults(results: dict[str, dict]) -> list[Table]:
    faults = results.get("faults")
    if not faults:
        return []
    heads = tuple(faults["table"][0])
    rows = [tuple(_text(row[head]) for head in heads) for row in faults["table"]]
    title = f"Faults injected: {faults['injected']}, caught: {faults['caught']}"
    return [Table(title, heads, rows)]


def _somewhere(results: dict[str, dict]) -> dict[str, tuple[set[str], set[str]]]:
    """By network and kind: bins that some router of some mesh can fill, and those that were."""
    found: dict[str, tuple[set[str], set[str]]] = {}
    for report in coverage(results).values():
        for network, kinds in report.items():
            for kind, bins in kinds.items():
                known, seen = found.setdefault(f"{network}: {kind}", (set(), set()))
                known.update(bins["somewhere"]["bins"])
                seen.update(bins["somewhere"]["seen"])
    return found


def _some(holes: list[str]) -> str:
    """The number of holes and the first ones; coverage.json has all."""
    return (
        f"{len(holes)}: {'; '.join(holes[:3])}{' …' if len(holes) > 3 else ''}" if holes else "none"
    )


def _text(cell) -> str:
    if isinstance(cell, dict):
        return ", ".join(f"{name} {count}" for name, count in cell.items())
    return ", ".join(map(str, cell)) if isinstance(cell, list | tuple) else str(cell)


def _excess(cycles: dict) -> str:
    """Cycles as L + constant, where they are that for all lengths; else a range."""
    extra = sorted({int(c) - int(length) for length, c in cycles.items()})
    return f"L + {extra[0]}" if len(extra) == 1 else f"L + {extra[0]} to {extra[-1]}"


def _saturated(results: dict[str, dict]) -> str:
    found = results.get("saturation uniform 4x4")
    return f"{found['saturation'] * found['bound']:.3f}" if found else ""


def coverage(results: dict[str, dict]) -> dict[str, dict]:
    """Coverage reports by mesh."""
    return {
        mesh: result["coverage"]
        for mesh, result in _named(results, "random traffic ").items()
        if result["coverage"]
    }


def router_pictures(results: dict[str, dict]) -> dict[str, Figure]:
    """Latency against load, one panel a mesh."""
    curves = {name: c for name, c in _named(results, "saturation ").items() if "FIFO" not in name}
    if not curves:
        return {}
    meshes = [mesh for mesh in MESHES if any(name.endswith(mesh) for name in curves)]
    figure, axes = plt.subplots(2, len(meshes), figsize=(6 * len(meshes), 7.5), squeeze=False)
    for mesh, (top, bottom) in zip(meshes, axes.T, strict=True):
        for name, c in curves.items():
            pattern, _, where = name.rpartition(" ")
            if where != mesh:
                continue
            offered = [point["offered"] / c["bound"] for point in c["curve"]]
            top.plot(
                offered,
                [point["accepted"] / c["bound"] for point in c["curve"]],
                "o-",
                ms=3,
                label=pattern,
            )
            bottom.plot(
                offered, [point["latency"] for point in c["curve"]], "o-", ms=3, label=pattern
            )
        top.set(title=mesh, ylabel="accepted, share of the bound")
        bottom.set(
            xlabel="offered load, share of the bound", ylabel="latency, cycles", yscale="log"
        )
        for ax in (top, bottom):
            ax.grid(alpha=0.25)
        top.plot([0, 1], [0, 1], "k:", lw=0.8)
        bottom.legend(fontsize=8)
    figure.suptitle("Routers alone under load")
    return {"saturation": figure}
