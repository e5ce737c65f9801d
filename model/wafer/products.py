"""Products on a large die: mappings that are worth a run in the model beside the rule's choice.

The tiling rule has an estimate, and the model steps every link: it has the last word.
"""

from isa.machine import Machine
from model.predict import predict
from model.wafer.die import DieCycles
from programs.compiler import compile_workload_mapping
from programs.gemm.mapping import GemmMapping
from programs.gemm.relaying import waiting
from programs.gemm.tiling import estimate_gemm, rank_gemm
from programs.gemm.workload import Gemm

__all__ = ["product_cycles", "worth_a_run"]


_LONG = 300_000
"""Cycles of a relayed product whose start and end do not matter, and nothing else is tried."""


def worth_a_run(machine: Machine, work: Gemm, most: int) -> list[GemmMapping]:
    """Mappings that may be faster than the rule's choice: where that relays A, the next ones, one
    of each group and split; else mappings on grids that the estimate and what links add put before
    it, one of each group.

    Raises
    ------
    UserError
        If nothing fits L1.
    """
    ranked = rank_gemm(machine, work)
    if ranked[0].relayed:
        if estimate_gemm(machine, work, ranked[0]) > _LONG:
            return []
        return [mapping for mapping in ranked[1 : most + 1] if mapping.relayed]

    def guess(mapping: GemmMapping) -> float:
        return float(estimate_gemm(machine, work, mapping)) + waiting(machine, work, mapping)

    limit = guess(ranked[0])
    found: dict[tuple[int, int], tuple[float, GemmMapping]] = {}
    for mapping in ranked:
        if estimate_gemm(machine, work, mapping) >= limit:
            break
        before = found.get(mapping.group, (limit,))[0]
        if mapping.cut == "grid" and (cycles := guess(mapping)) < before:
            found[mapping.group] = cycles, mapping
    best = sorted(found.values(), key=lambda one: one[0])
    return [mapping for _, mapping in best[:most]]


def product_cycles(machine: Machine, work: Gemm, most: int) -> DieCycles | None:
    """What the die model says of the fastest of those mappings, if there is one.

    Raises
    ------
    UserError
        If nothing fits L1.
    """
    found = []
    for mapping in worth_a_run(machine, work, most):
        compiled = compile_workload_mapping(machine, work, mapping)
        if compiled.longest <= machine.tile.program_instructions:
            seen = predict(compiled)
            moved = seen.hbm_read_bytes + seen.hbm_write_bytes
            share = seen.matrix_active, seen.hbm_bandwidth_utilization
            found.append(DieCycles(seen.cycles, mapping.describe(), *share, moved))
    return min(found, default=None)
