"""`make compile`: a workload as a program text that `make run` takes, and people can change."""

import shlex
from pathlib import Path

from isa.errors import UserError
from programs.compiler import compile_workload
from programs.text.writer import Contents, write_listing
from scripts.front import main
from scripts.options import machine_of, overrides, target_parser, tensors_of
from tb.experiment import golden_contents


def run() -> int:
    """Compile as `make sim` does, and write."""
    options = target_parser("compile", __doc__).parse_args()
    if not options.out:
        raise UserError("OUT must name the text to write, for example OUT=attention.s")
    path, machine = Path(options.out), machine_of(options)
    if path.is_dir():
        raise UserError(f"OUT {path}: is a folder")
    if path.with_suffix(".npz").resolve() == Path(options.workload).resolve():
        raise UserError(f"OUT {path}: its data would replace WORKLOAD: must have another name")
    tensors = tensors_of(options)
    compiled = compile_workload(
        machine, tensors.workload, options.dataflow or None, **overrides(options)
    )
    memory = tensors.scatter(compiled)
    dtype = tensors.dtypes["dtype"]
    data = write_listing(
        path,
        compiled,
        Contents(memory, golden_contents(machine, compiled, memory)),
        machine=options.machine,
        title=f"{tensors.name} ({dtype}, seed {tensors.seed}), {compiled.dataflow}",
    )
    print(f"{compiled.describe()}\nwritten: {path} and {data}")
    print(f"run it with: make run PROGRAM={shlex.quote(str(path))}")
    return 0


if __name__ == "__main__":
    main(run)
