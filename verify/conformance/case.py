"""What a case is."""

from dataclasses import asdict, dataclass

from isa.machine import Machine
from verify.conformance.factors import MESHES

__all__ = ["ConformanceCase", "machine_of"]


@dataclass(frozen=True)
class ConformanceCase:
    """One run. `name` is what the user repeats it by."""

    name: str
    kind: str
    """``attention``, ``gemm``, or an instruction program: ``tiles`` (random, see
    `verify.conformance.tile_programs`), ``edges`` (`verify.conformance.edge_programs`), ``errors``
    (`verify.conformance.error_check`), ``meetings`` (`verify.conformance.meeting_programs`).
    """
    mesh: str
    seed: int
    workload: str = ""
    dataflow: str = ""
    dtype: str = ""
    p: str = ""
    """Format of the probabilities; empty: `dtype`, here and for the output."""
    o: str = ""
    variant: str = ""
    """One of `VARIANTS`, of a generated workload."""
    numbers: str = "normal"
    """One of `FILLS`, or what an instruction program is about."""
    options: str = "hardware"
    stall: int = 0
    """Every link refuses flits in so many of 256 cycles."""
    latency: int = 60
    """Of HBM, in cycles."""
    bandwidth: int = 16
    """Of an HBM channel, in bytes a cycle."""

    def to_dict(self) -> dict:
        """As JSON has it."""
        return asdict(self)


def machine_of(case: ConformanceCase, base: Machine, *, own_channels: bool = True) -> Machine:
    """The machine that a case runs on: `base` with the case's mesh and HBM."""
    machine = base.with_mesh(case.mesh)
    hbm = {"latency": case.latency, "bytes_per_cycle": min(case.bandwidth, base.tile.word_bytes)}
    hbm |= MESHES.get(case.mesh, {}) if own_channels else {}
    return machine.model_copy(update={"hbm": base.hbm.model_copy(update=hbm)})
