"""`make bench`: simulation speed of the mesh through cocotb and in a bare C++ loop over the same
compiled model.
"""

import statistics
from pathlib import Path

from rich.console import Console

from isa.errors import UserError
from programs.compiler import compile_workload
from programs.tensors import load_workload
from publish.output import show, write_result
from scripts.front import main
from scripts.options import common_parser, machine_of, overrides, positive
from tb.bare import run_bare
from tb.hardware import build_mesh
from tb.mesh import simulate
from tb.runner import ROOT


def run() -> int:
    """Time the same program both ways, in turn, and compare medians."""
    parser = common_parser(__doc__)
    parser.set_defaults(workload="mha:S=256,D=64,H=2")
    parser.add_argument("--repeat", default="3", help="runs of each")
    options = parser.parse_args()
    repeat = positive("--repeat", options.repeat, least=1)
    machine = machine_of(options)
    tensors = load_workload(
        options.workload,
        options.dtype,
        positive("SEED", options.seed),
        options.ptype,
        options.otype,
    )
    compiled = compile_workload(
        machine, tensors.workload, options.dataflow or None, **overrides(options)
    )
    images = {tile: program.words() for tile, program in compiled.programs.items()}
    memory = tensors.scatter(compiled)
    workdir = ROOT / "build" / "bench" / "run"
    console = Console(stderr=True)
    cocotb_speed, bare_speed = [], []
    for index in range(repeat):
        console.print(f"run {index + 1} of {repeat}", highlight=False)
        seen = simulate(machine, images, memory, dump=(0, 0), workdir=Path(workdir))
        bare = run_bare(build_mesh(machine), Path(workdir))
        if bare["error"] or bare["cycles"] != seen.cycles:
            raise UserError(
                f"the bare loop took {bare['cycles']} cycles, cocotb {seen.cycles}: they must be "
                "equal"
            )
        cocotb_speed.append(seen.simulated_cycles / seen.run_seconds / 1e3)
        bare_speed.append(bare["simulated"] / bare["seconds"] / 1e3)
    through, alone = statistics.median(cocotb_speed), statistics.median(bare_speed)
    result = {
        "machine": machine.name,
        "workload": options.workload,
        "cycles": seen.cycles,
        "kcycles_mesh4": through,
        "kcycles_mesh4_bare": alone,
        "ratio_mesh4": through / alone,
        "repeat": repeat,
    }
    path = write_result("bench", result)
    rows = [
        (
            "through cocotb",
            f"{through:.1f} kcycles/s",
            f"median of {repeat}, from reset to finished, one core",
        ),
        (
            "bare C++ loop",
            f"{alone:.1f} kcycles/s",
            "the same objects, the same program, the same cycles",
        ),
        ("ratio", f"{through / alone:.3f}", "at least 0.85 wanted"),
    ]
    show(Console(), f"{options.workload} on {machine.name}: {seen.cycles:,} cycles", rows)
    print(f"result: {path.relative_to(ROOT)}")
    return 0


if __name__ == "__main__":
    main(run)
