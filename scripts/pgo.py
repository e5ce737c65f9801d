"""`make pgo`: the machine's tile compiled by a profile of small runs. Every later simulation of it
takes that one; no cycle and no bit depends on it.
"""

from publish.output import progress_console
from scripts.front import main
from scripts.options import machine_of, target_parser
from tb import toolchain
from tb.runner import ROOT
from tb.training import profile_tile


def run() -> int:
    """Compile, or say that it has been done."""
    options = target_parser("pgo", __doc__).parse_args()
    toolchain.environment()  # says what is missing before anything takes time
    machine = machine_of(options)
    progress_console().print("compiling the tile twice: usually a few minutes", highlight=False)
    library = profile_tile(machine, options.array)
    folder = library.folder.relative_to(ROOT)
    done = f"in {library.seconds:.0f} s" if library.seconds else "before"
    print(f"tile of {machine.name} compiled by a profile {done}: {folder}")
    return 0


if __name__ == "__main__":
    main(run)
