"""`make bench`: simulation speed of the mesh in each of its flows, through cocotb and in a bare C++
loop over the same objects, run in turn.
"""

from programs.compiler import compile_workload
from publish.bench import bench_result, bench_rows, large_result
from publish.output import progress_console, show, wide_console, write_result
from publish.results import kept
from scripts.front import main
from scripts.options import machine_of, overrides, positive, target_parser, tensors_of
from tb.experiment import commit
from tb.runner import ROOT
from tb.speed import flows, time_flows


def run() -> int:
    """Time the same program in all flows, in turn, and compare the fastest runs."""
    parser = target_parser("bench", __doc__)
    parser.add_argument("--repeat", default="9", help="runs of each")
    options = parser.parse_args()
    repeat = positive("--repeat", options.repeat, least=1)
    machine = machine_of(options)
    tensors = tensors_of(options)
    compiled = compile_workload(
        machine, tensors.workload, options.dataflow or None, **overrides(options)
    )
    images = {tile: program.words() for tile, program in compiled.programs.items()}
    memory = tensors.scatter(compiled)
    console = progress_console()
    console.print("building what is not there yet: minutes", highlight=False)
    found = flows(machine)
    workdir = ROOT / "build" / "bench" / "run"
    for index in range(repeat):
        console.print(f"run {index + 1} of {repeat} in each", highlight=False)
        cycles = time_flows(machine, images, memory, found, workdir)
    result = {
        "machine": machine.name,
        "workload": options.workload,
        "cycles": cycles,
        "repeat": repeat,
        "commit": commit(),
        **large_result(kept("large")),
        **bench_result(found, machine.name),
    }
    path = write_result("bench", result)
    title = f"{options.workload} on {machine.name}: {cycles:,} cycles, kcycles/s of the processor"
    show(wide_console(), title, bench_rows(found))
    print(f"result: {path.relative_to(ROOT)}")
    return 0


if __name__ == "__main__":
    main(run)
