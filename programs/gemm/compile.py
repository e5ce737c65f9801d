"""GEMM by SUMMA: panels of A go along the tile rows, panels of B along the tile columns, and C
stays where it is summed up.

After van de Geijn and Watts, "SUMMA: scalable universal matrix multiplication algorithm" (1997),
with the broadcasts in the HBM reads: each names the tiles that it is for.
"""

from isa.image import Program
from isa.instructions import Queue
from isa.machine import Machine
from programs.common.compiled import Compiled, first_that_fits
from programs.common.loops import Compressor
from programs.common.trace import Instantiator, Op
from programs.gemm.groups import deal_gemm
from programs.gemm.layout import GemmLayout, GemmSemaphores
from programs.gemm.mapping import GemmMapping
from programs.gemm.placement import place_gemm
from programs.gemm.queues import GemmQueues
from programs.gemm.relayed import RelayedQueues
from programs.gemm.tile import TAGS
from programs.gemm.tiling import rank_gemm
from programs.gemm.workload import Gemm

__all__ = ["compile_gemm", "compile_gemm_mapping"]


def compile_gemm(
    machine: Machine,
    workload: Gemm,
    dataflow: str | None = None,
    *,
    group: str | None = None,
    rows: int | None = None,
    columns: int | None = None,
) -> Compiled[Gemm, GemmMapping]:
    """Compile C = A B for a machine.

    Parameters
    ----------
    machine, workload
        What to compute on what.
    dataflow
        summa, which None is too.
    group, rows, columns
        Decisions of the tiling rule that the user takes: ``COLUMNSxROWS`` of a group, rows and
        columns of C in a tile.

    Raises
    ------
    UserError
        If something does not fit, one line that says what and how much.
    """
    ranked = rank_gemm(machine, workload, dataflow, group=group, rows=rows, columns=columns)
    return first_that_fits(
        machine, ranked, lambda mapping: compile_gemm_mapping(machine, workload, mapping)
    )


def compile_gemm_mapping(
    machine: Machine, workload: Gemm, mapping: GemmMapping
) -> Compiled[Gemm, GemmMapping]:
    """Compile for a mapping, whether or not the programs fit the program memory."""
    layout = GemmLayout(machine.tile, workload, mapping)
    semaphores = GemmSemaphores(machine, workload, mapping)
    kind = RelayedQueues if mapping.relayed else GemmQueues
    groups = deal_gemm(machine, workload, mapping)
    placement = place_gemm(machine, workload, mapping, groups)
    ops: dict[Op, Op] = {}
    compressed = Compressor()
    instantiate = Instantiator()
    codes: dict[tuple, dict[Queue, list[Op]]] = {}
    programs: dict[tuple[int, int], Program] = {}
    for group in groups:
        for y in range(mapping.group[1]):
            for x in range(mapping.group[0]):
                queues = kind(placement, mapping, layout, semaphores, group, x, y, ops)
                duty = queues.duty()
                code = codes.get(duty)
                new = code is None
                if code is None:
                    code = codes[duty] = {
                        queue: compressed(trace) for queue, trace in queues.build().items()
                    }
                names = queues.names()
                program = Program({queue: instantiate(code[queue], names) for queue in Queue})
                if new:
                    program.check()
                programs[group.x0 + x, group.y0 + y] = program
    strips = len(mapping.strips(machine.tile, workload))
    read, written = mapping.hbm_bytes(workload, machine.tile)
    return Compiled(
        machine=machine,
        workload=workload,
        mapping=mapping,
        programs=programs,
        placement=placement,
        hbm_ideal_read_bytes=read,
        hbm_ideal_write_bytes=written,
        useful_macs=workload.useful_macs,
        l1_bytes=layout.words * machine.tile.word_bytes,
        semaphores=semaphores.names,
        tags={TAGS["a"]: "A", TAGS["b"]: "B"}
        | {TAGS["c"] + s: f"C[{s}]" for s in range(strips)}
        | {
            TAGS["sum"] + strips * root + s: f"sum of C[{s}] at {root}"
            for s in range(strips)
            for root in range(mapping.split if mapping.split > 1 else 0)
        },
        buffered="A and B",
    )
