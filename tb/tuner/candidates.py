"""Mappings that are worth a run: as the tiling rule ranks them, and the best of each kind."""

from collections.abc import Sequence
from typing import Any, NamedTuple

from isa.machine import Machine
from programs.compiler import estimate_workload, rank_workload

__all__ = ["Candidate", "candidates", "select"]


class Candidate(NamedTuple):
    """A mapping, and what the estimate says."""

    mapping: Any
    estimate: float

    @property
    def kind(self) -> tuple:
        """Candidates of one kind differ in sizes only."""
        return self.mapping.dataflow, self.mapping.group, getattr(self.mapping, "cut", "")

    @property
    def name(self) -> str:
        """Unique among the candidates of a workload."""
        return f"{self.mapping.dataflow} {self.group} {self.slice}, {self.mapping.slots} buffers"

    @property
    def group(self) -> str:
        """Its shape, and how it lies or is cut."""
        mapping = self.mapping
        folded = f"/{mapping.fold}" if getattr(mapping, "fold", 1) > 1 else ""
        cut = f" {mapping.cut}" if hasattr(mapping, "cut") else ""
        return f"{mapping.group[0]}x{mapping.group[1]}{folded}{cut}"

    @property
    def slice(self) -> str:
        """Rows and columns of a tile, and what else differs."""
        mapping = self.mapping
        if hasattr(mapping, "depth"):
            how = ", staggered" * mapping.staggered
            return f"{mapping.rows}x{mapping.columns}, k {mapping.depth}{how}"
        streams = "" if mapping.streams == 1 else ", 1 head" if mapping.paired else ", 2 heads"
        streams += ", passed on" * (mapping.reads == "forward")
        return f"{mapping.rows}x{mapping.columns}{streams}"


def candidates(
    machine: Machine, workload: Any, dataflow: str | None, decisions: dict[str, Any], most: int
) -> list[Candidate]:
    """Candidates that have what the user fixed, as the tiling rule ranks them: its first choice
    first, `most` in all.
    """
    ranked = rank_workload(machine, workload, dataflow, **decisions)[:most]
    return [Candidate(mapping, estimate_workload(machine, workload, mapping)) for mapping in ranked]


def select(ranked: Sequence[Candidate], top: int) -> list[Candidate]:
    """Choose `top` candidates to run: the first, the best of each kind for half of them, then the
    best of all.
    """
    first, by_estimate = ranked[0], sorted(ranked, key=lambda candidate: candidate.estimate)
    leaders = list({candidate.kind: candidate for candidate in reversed(by_estimate)}.values())
    leaders.sort(key=lambda candidate: candidate.estimate)
    chosen = dict.fromkeys([first, *leaders[: max(1, top // 2)], *by_estimate])
    return list(chosen)[:top]
