"""`make compile`: a workload as a program text that `make run` takes, and people can change."""

import shlex
from pathlib import Path

from isa.errors import UserError
from isa.formats import decode
from programs.compiler import compile_workload
from programs.text.writer import Contents, write_listing
from publish.experiment import inputs_told, special_told
from publish.output import show, wide_console
from scripts.front import main
from scripts.options import machine_of, overrides, target_parser, tensors_of
from tb.accuracy import judge
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
    tensors = tensors_of(options, quiet=True)  # told below
    compiled = compile_workload(
        machine, tensors.workload, options.dataflow or None, **overrides(options)
    )
    memory = tensors.scatter(compiled)
    after = golden_contents(machine, compiled, memory)
    dtype = tensors.dtypes["dtype"]
    data = write_listing(
        path,
        compiled,
        Contents(memory, after),
        machine=options.machine,
        title=f"{tensors.name} ({dtype}, seed {tensors.seed}), {compiled.dataflow}",
    )
    seen = decode(tensors.gather(compiled, after), tensors.workload.o_fmt)
    told = [*inputs_told(tensors), *special_told(judge(seen, tensors).result())]
    if told:
        show(wide_console(), "of its values:", told)
    print(f"{compiled.describe()}\nwritten: {path} and {data}")
    print(f"run it with: make run PROGRAM={shlex.quote(str(path))}")
    return 0


if __name__ == "__main__":
    main(run)
