"""`make campaign SPEC=file.toml`: a grid of runs, on the cores of this machine or on a Dask
cluster; what an earlier run has kept is not run again.
"""

import sys
import time
from pathlib import Path

from isa.errors import UserError
from isa.words import counted
from publish.campaign import show
from publish.output import progress_console, wide_console, write_result
from publish.validation.predicting import WITH_MODEL
from scripts.front import main
from scripts.options import target_parser, workers_of
from tb import toolchain
from tb.campaign.run import count, run_campaign
from tb.campaign.spec import read_spec
from tb.runner import ROOT


def run() -> int:
    """Run what the spec says, and tell what became of it."""
    options = target_parser("campaign", __doc__).parse_args()
    if not options.spec:
        raise UserError("SPEC must name the file that says what is run: see examples/campaign.toml")
    workers, started = workers_of(options), time.monotonic()
    spec = read_spec(Path(options.spec), WITH_MODEL)
    if not workers.scheduler and any("rtl" in grid.target for grid in spec.grid):
        toolchain.environment()  # says what is missing before anything takes time
    fresh = options.resume == "0"
    done = run_campaign(spec, WITH_MODEL, workers, progress_console(), fresh=fresh)
    counts = count(done.rows)
    show(wide_console(), spec.name, done.rows)
    result = {"name": spec.name, "runs": len(done.rows), "kept": done.kept, **counts}
    path = write_result("campaign", result | {"seconds": time.monotonic() - started})
    for name in ("runs.csv", "runs.parquet"):
        print(f"{name}: {(done.folder / name).relative_to(ROOT)}")
    print(f"result: {path.relative_to(ROOT)}")
    wrong, runs = len(done.rows) - counts["passed"], counted(len(done.rows), "run")
    if wrong:
        print(f"flatmesh: {wrong} of {runs} did not pass", file=sys.stderr)
    return 1 if wrong else 0


if __name__ == "__main__":
    main(run)
