"""`make noc`: the network's latency, throughput and safety, measured on the RTL and written up in
one report.
"""

import sys
import time

from isa.errors import UserError
from isa.words import counted
from publish.noc.figures import curves, flat
from publish.noc.report import write_report
from publish.noc.router import router_keys, router_tables
from publish.noc.router_tasks import router_tasks
from publish.noc.tables import tables
from publish.noc.tasks import machine_of_options, mesh_tasks
from publish.output import progress_console, wide_console
from publish.results import kept
from scripts.front import main
from scripts.options import positive, target_parser, workers_of
from tb import toolchain
from tb.experiment import commit
from tb.runner import ROOT
from tb.tasks import run_tasks
from tb.waiting import ahead

__all__ = ["run"]

QUICK_MESH = "8x2"
"""Compiled in less than a minute, and enough for rows."""


def run() -> int:
    """Run everything, print the tables, write result, pictures and report."""
    parser = target_parser("noc", __doc__)
    parser.add_argument(
        "--only",
        default="all",
        choices=["all", "mesh", "router"],
        help="one half of the benchmarks",
    )
    options = parser.parse_args()
    if options.quick not in ("0", "1"):
        raise UserError(f"QUICK must be 0 or 1, not {options.quick!r}")
    quick, seed = options.quick == "1", positive("SEED", options.seed)
    workers = workers_of(options)
    machine = machine_of_options(options.machine, options.mesh or (QUICK_MESH if quick else ""))
    toolchain.environment()  # says what is missing before anything takes time
    mesh = mesh_tasks(machine, quick, seed) if options.only != "router" else []
    router = router_tasks(quick, seed) if options.only != "mesh" else []
    started = time.monotonic()
    if not quick and options.only == "all":
        ahead(counted(len(mesh) + len(router), "benchmark"), kept("noc")["seconds"])
    # The first run of the mesh compiles it, which the others have to wait for.
    results = run_tasks([*mesh[:1], *router, *mesh[1:]], workers, progress_console())

    seen = curves(results)
    result = flat(machine, seen, results) | router_keys(results)
    result |= {
        "machine": machine.name,
        "mesh": f"{machine.mesh.columns}x{machine.mesh.rows}",
        "quick": quick,
        "seed": seed,
    }
    result |= {
        "seconds": time.monotonic() - started,
        "commit": commit(),
        "command": " ".join(["python -m scripts.noc", *sys.argv[1:]]),
    }
    found = tables(machine, seen) + router_tables(results)
    console = wide_console()
    for table in found:
        table.show(console)
    path = write_report(machine, seen, result, results, found)
    shown = path.relative_to(ROOT)
    print(f"result: {shown}, report: {shown.with_name('report.html')}")
    bad = [name for name in ("hangs", "disagreements_wrong_sums") if result.get(name)]
    bad += ["faults_caught"] if result.get("faults_caught") != result.get("faults_injected") else []
    if bad:
        said = ", ".join(f"{name}={result[name]}" for name in bad)
        print(f"flatmesh: the network failed its checks: {said}", file=sys.stderr)
    return 1 if bad else 0


if __name__ == "__main__":
    main(run)
