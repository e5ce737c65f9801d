"""`make verilog`: the Verilog of a machine, its tile and its mesh, with a list of files."""

from pathlib import Path

from isa.errors import UserError
from publish.output import progress_console
from scripts.front import main
from scripts.options import machine_of, target_parser
from tb.files import write
from tb.hardware import verilog

LIST = "flatmesh.f"
MODELS = ("hbm_memory.v",)
"""What is there for simulation only."""


def run() -> int:
    """Emit, and write to the folder OUT."""
    options = target_parser("verilog", __doc__).parse_args()
    if not options.out:
        raise UserError("OUT must name the folder to write to, for example OUT=rtl")
    folder, machine = Path(options.out), machine_of(options)
    if folder.exists() and not folder.is_dir():
        raise UserError(f"OUT={folder}: is a file")
    with progress_console().status("emitting Verilog (half a minute the first time)"):
        files = verilog(machine, transport=False)
    names = sorted(files, key=lambda name: (name in MODELS, name == "mesh.v"))
    for name in names:
        write(folder / name, files[name])
    write(folder / LIST, "".join(f"{name}\n" for name in names))
    mesh = machine.mesh
    print(f"{machine.name} {mesh.columns}x{mesh.rows}: top module mesh, clk and rst (synchronous)")
    print(f"{folder}: {', '.join(names)}, {LIST}; for simulation only: {', '.join(MODELS)}")
    return 0


if __name__ == "__main__":
    main(run)
