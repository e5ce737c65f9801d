"""`make shrink`: a failing case as a small program text, of which nothing can be left out."""

import argparse
import shlex
from pathlib import Path

from isa.disassembler import line_of
from isa.errors import UserError
from isa.machine import Machine, load_machine
from publish.output import progress_console
from scripts.front import main
from scripts.options import positive, target_parser
from tb import toolchain
from tb.hardware import Design
from tb.runner import ROOT
from verify.conformance.campaign import wanted
from verify.conformance.cases import machine_of
from verify.conformance.cycles import DUT_MESH
from verify.conformance.dut import design as dut_design
from verify.conformance.dut import read_dut
from verify.conformance.prepare import prepare
from verify.mutants.catalogue import CATALOGUE
from verify.mutants.copy import design as mutant_design
from verify.mutants.hunt import chosen
from verify.shrink.shrink import engine_instructions, shrink
from verify.shrink.text import write_case


def run() -> int:
    """Shrink, write, and show what is left."""
    options = target_parser("shrink", __doc__).parse_args()
    if not options.case:
        raise UserError("CASE must name the case that fails, as make conformance prints it")
    toolchain.environment()
    path = Path(options.out or ROOT / "build" / "shrink" / "case.s")
    mesh = options.mesh or (DUT_MESH if options.dut else "")
    base = load_machine(options.machine)
    (case,) = wanted("default", options.case, positive("SEED", options.seed), mesh)
    if case.kind == "errors":
        raise UserError(
            f"CASE {case.name}: cannot be smaller, what it prints names the instruction"
        )
    machine = machine_of(case, base, own_channels=not mesh)
    design = _design(options, machine)
    console = progress_console()
    with console.status("the case as it is") as status:
        found = shrink(prepare(case, base, not mesh), design, status.update)
    said = f"{found.outcome.how}: {found.outcome.detail}"
    left = [
        f"tile ({x},{y}) {queue.name.lower()}: {line_of(instruction)}"
        for (x, y), queue, instruction in engine_instructions(found.expected.programs)
    ]
    comments = [f"What is left of {case.name}, seed {case.seed}.", said]
    written = write_case(path, found.expected, comments)
    print(f"{case.name}: {found.before} instructions, {found.after} left after {found.runs} runs")
    print(f"{said}\n\nengines execute")
    print("\n".join(f"  {line}" for line in left))
    print(f"\nwritten: {', '.join(map(str, written))}")
    rest = f" DUT={shlex.quote(options.dut)}" if options.dut else ""
    print(f"run it with: make run PROGRAM={shlex.quote(str(path))}{rest}")
    if found.expected.case.stall:
        print("it fails only while links stall, which make run's do not")
    return 0


def _design(options: argparse.Namespace, machine: Machine) -> Design | None:
    if options.dut and options.mutant:
        raise UserError("MUTANT is a fault of our hardware: leave DUT out")
    if options.mutant:
        (number,) = chosen(options.mutant)
        return mutant_design(machine, CATALOGUE, number)
    return dut_design(read_dut(Path(options.dut), machine), machine) if options.dut else None


if __name__ == "__main__":
    main(run)
