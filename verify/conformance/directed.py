"""Cases that are not left to a generator: the simplest ones, all kinds of numbers, all edges."""

from collections.abc import Iterable
from math import prod

from programs.attention.mapping import DATAFLOWS
from programs.tensors import DTYPES
from verify.conformance.case import ConformanceCase
from verify.conformance.edge_programs import EDGES, edge_topics
from verify.conformance.error_check import ERRORS
from verify.conformance.factors import BANDWIDTHS, STALLS
from verify.conformance.meeting_programs import meeting_topics
from verify.conformance.numbers import FILLS

__all__ = ["directed"]

EDGE_MESHES = {
    "control": ("3x2", "5x3"),
    "engines": ("3x2", "5x3"),
    "sizes": ("5x3",),
    "moves": ("3x2", "5x3"),
    "long-moves": ("3x2",),
    "loops": ("3x2",),
    "joins": ("5x3",),
    "floods": ("5x3",),
    "wide": ("3x2",),
    "wide-moves": ("3x2",),
    "tells": ("3x2",),
    "signals": ("3x2",),
}
"""Meshes with programs about edges: rows that are not columns; channels on four sides and joins of
five. Long ones once.
"""

LATE = 1000
"""Latency of HBM with which words come after every error."""
WIDE_MESHES = ("5x3",)
"""A tile can report one error a run: the more tiles, the fewer runs. Its middle joins five."""
ERROR_MESHES = {
    **dict.fromkeys(("sample", "late"), ("3x2",)),
    **dict.fromkeys(("order", "counts", "reductions"), ("3x2", "5x3")),
}
"""Where else errors are made: what takes few runs, and a part of the rest."""


def directed(meshes: Iterable[str], seed: int) -> Iterable[ConformanceCase]:
    """What a generator may miss: every dataflow and format at its simplest, and every kind of
    numbers in every format.
    """
    mesh = "2x2" if "2x2" in meshes else next(iter(meshes))
    for dataflow in DATAFLOWS:
        yield ConformanceCase(
            f"d-gate-{dataflow}", "attention", mesh, seed, "mha:H=2,S=32,D=16", dataflow, "fp16"
        )
    for dtype in DTYPES:
        for numbers in FILLS:
            yield ConformanceCase(
                f"d-numbers-{dtype}-{numbers}",
                "attention",
                mesh,
                seed,
                "mha:H=2,Sq=21,Skv=40,D=12",
                "flat",
                dtype,
                numbers=numbers,
            )
    for dtype in DTYPES:
        yield ConformanceCase(
            f"d-one-{dtype}", "attention", mesh, seed, "mha:H=1,S=1,D=1", "flat", dtype
        )
    yield ConformanceCase(
        "d-long",
        "attention",
        mesh,
        seed,
        "mha:H=1,Sq=16,Skv=400,D=8",
        "flat-async",
        "fp16",
        latency=1,
    )
    yield ConformanceCase(
        "d-many-heads",
        "attention",
        mesh,
        seed,
        "mha:B=3,H=5,S=9,D=8",
        "flat-async",
        "bf16",
        stall=STALLS[-1],
    )
    yield from _edges(tuple(meshes), seed)


def _edges(meshes: tuple[str, ...], seed: int) -> Iterable[ConformanceCase]:
    """Every field of every instruction at its ends, and beyond them; events that meet."""
    for about in EDGES:
        for mesh in [mesh for mesh in meshes if mesh in EDGE_MESHES[about]] or meshes:
            for topic in edge_topics(about, prod(map(int, mesh.split("x")))):
                name = f"edges-{_named(topic)}-{mesh}"
                yield ConformanceCase(name, "edges", mesh, seed, numbers=topic)
    for about in ERRORS:
        there = ERROR_MESHES.get(about, WIDE_MESHES)
        for mesh in [mesh for mesh in meshes if mesh in there] or meshes:
            yield ConformanceCase(
                f"errors-{about}-{mesh}", "errors", mesh, seed, numbers=about, latency=LATE
            )
    for mesh in [mesh for mesh in meshes if mesh in WIDE_MESHES] or meshes:
        for about in meeting_topics(*map(int, mesh.split("x"))):
            yield ConformanceCase(
                f"meetings-{_named(about)}-{mesh}",
                "meetings",
                mesh,
                seed,
                numbers=about,
                bandwidth=BANDWIDTHS[0] if about.startswith("waits") else BANDWIDTHS[-1],
            )


def _named(topic: str) -> str:
    """A topic or a part of one, in the name of a case."""
    return topic.partition("/")[0].replace(" ", "-")
