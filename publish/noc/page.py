"""The network in docs/network.md: what `make noc` measured."""

from publish.output import Table

__all__ = ["page_table"]


def page_table(r: dict) -> str:
    """From the flat result of `make noc`."""

    def at(name: str, shape: str, *lengths: int, form: str = "{:.2f}") -> str:
        return " / ".join(form.format(r[f"{name}_{shape}_{n}"]) for n in lengths)

    def best(kind: str, length: int) -> str:
        return f"{r[f'{kind}_speedup_8_{length}']:.1f}× ({r[f'{kind}_software_8_{length}']})"

    rows = [
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
            f"{at('multicast_excess', '8', 1, 16, form='{}')}; "
            f"{at('reduce_excess', '8', 1, 16, form='{}')}",
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
            f"{r['saturation_uniform_4x4']:.1%} / {r['saturation_uniform_8x8']:.1%}; "
            f"{r['saturation_neighbour_4x4']:.1%}",
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
    ]
    return Table("", ("measure", "value"), rows).markdown()
