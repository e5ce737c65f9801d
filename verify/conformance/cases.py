"""The sets of cases."""

from collections.abc import Iterable, Mapping
from functools import cache

from isa.errors import UserError
from isa.machine import load_machine
from programs.attention.mapping import DATAFLOWS, SOFTWARE
from programs.tensors import DTYPES
from verify.conformance.case import ConformanceCase, machine_of
from verify.conformance.covering import covering
from verify.conformance.directed import directed
from verify.conformance.factors import (
    BANDWIDTHS,
    FOCUSES,
    GEMM_DATAFLOWS,
    GEMMS,
    LARGE,
    LATENCIES,
    MESHES,
    OPTIONS,
    SIZES,
    STALLS,
    VARIANTS,
)
from verify.conformance.numbers import FILLS, MATRIX_FILLS

__all__ = ["SETS", "ConformanceCase", "cases", "machine_of"]

SETS = ("default", "nightly")


def cases(which: str, seed: int, mesh: str = "") -> list[ConformanceCase]:
    """All cases of a set, or with a `mesh` as many for this one alone.

    Raises
    ------
    UserError
        If there is no such set, or the mesh cannot be read.
    """
    if which not in SETS:
        raise UserError(f"SET must be one of {', '.join(SETS)}, not {which!r}")
    return list(_cases(which, seed, mesh))


@cache
def _cases(which: str, seed: int, mesh: str) -> tuple[ConformanceCase, ...]:
    if mesh:
        load_machine("tiny", mesh)
    meshes = (mesh,) if mesh else tuple(MESHES)
    nightly = which == "nightly"
    found = list(directed(meshes, seed))
    found += _tiles(meshes, seed, 40 if nightly else 3)
    found += _attention(meshes, seed, SIZES, strength=2, prefix="a")
    found += _gemm(meshes, seed, strength=3 if nightly else 2)
    if nightly:
        for turn in range(1, 5):
            found += _attention(
                meshes, seed + 1000 * turn, SIZES | LARGE, strength=2, prefix=f"n{turn}"
            )
        found += _attention(meshes, seed + 9000, SIZES, strength=3, prefix="t")
    return tuple(found)


def _tiles(meshes: Iterable[str], seed: int, count: int) -> list[ConformanceCase]:
    """Instruction programs of every focus on every mesh."""
    found = []
    for mesh in meshes:
        for number in range(count):
            for index, focus in enumerate(FOCUSES):
                found.append(
                    ConformanceCase(
                        f"tiles-{focus}-{mesh}-{number}",
                        "tiles",
                        mesh,
                        seed + number,
                        numbers=focus,
                        stall=STALLS[(number + index) % len(STALLS)],
                        latency=LATENCIES[(number + index) % len(LATENCIES)],
                    )
                )
    return found


def _spec(variant: str, size: str) -> str:
    at = (SIZES | LARGE)[size]
    spec = VARIANTS[variant].format(**at, half=at["k"] // 2 + 1, small=max(1, at["q"] // 3))
    d, dv = at["d"], at["dv"]
    return f"{spec},D={d},Dv={min(d, dv)}"


def _attention(
    meshes: Iterable[str], seed: int, sizes: Iterable[str], *, strength: int, prefix: str
) -> list[ConformanceCase]:
    """Every `strength` levels of different factors together in some case."""
    factors = {
        "variant": tuple(VARIANTS),
        "dataflow": tuple(DATAFLOWS),
        "dtype": tuple(DTYPES),
        "p": tuple(DTYPES),
        "o": tuple(DTYPES),
        "mesh": tuple(meshes),
        "size": tuple(sizes),
        "numbers": tuple(FILLS),
        "options": tuple(OPTIONS),
        "stall": STALLS,
        "latency": LATENCIES,
        "bandwidth": BANDWIDTHS,
    }
    free = ("p", "o", "options", "stall", "latency", "bandwidth") if strength > 2 else ()
    found = []
    for number, row in enumerate(covering(factors, strength, seed, loose=free, allowed=_possible)):
        name = "-".join(
            [
                f"{prefix}{number:03}",
                row["variant"],
                row["dataflow"],
                row["dtype"],
                row["mesh"],
                row["numbers"],
            ]
        )
        found.append(
            ConformanceCase(
                name,
                "attention",
                row["mesh"],
                seed + number,
                _spec(row["variant"], row["size"]),
                row["dataflow"],
                row["dtype"],
                row["p"],
                row["o"],
                row["variant"],
                row["numbers"],
                row["options"],
                row["stall"],
                row["latency"],
                row["bandwidth"],
            )
        )
    return found


def _possible(row: Mapping[str, object]) -> bool:
    """Dataflows that use no collectives of the network have no options that say which ones."""
    return row.get("dataflow") not in SOFTWARE or not OPTIONS[str(row.get("options", "hardware"))]


def _gemm(meshes: Iterable[str], seed: int, *, strength: int) -> list[ConformanceCase]:
    """Matrix products, likewise."""
    factors = {
        "size": tuple(GEMMS),
        "dataflow": GEMM_DATAFLOWS,
        "dtype": tuple(DTYPES),
        "o": tuple(DTYPES),
        "mesh": tuple(meshes),
        "numbers": MATRIX_FILLS,
        "stall": STALLS,
        "latency": LATENCIES,
        "bandwidth": BANDWIDTHS,
    }
    found = []
    for number, row in enumerate(
        covering(factors, strength, seed, loose=("stall", "latency", "bandwidth"))
    ):
        name = "-".join(
            [
                f"g{number:03}",
                row["size"],
                row["dataflow"],
                row["dtype"],
                row["mesh"],
                row["numbers"],
            ]
        )
        found.append(
            ConformanceCase(
                name,
                "gemm",
                row["mesh"],
                seed + number,
                GEMMS[row["size"]],
                row["dataflow"],
                row["dtype"],
                o=row["o"],
                numbers=row["numbers"],
                stall=row["stall"],
                latency=row["latency"],
                bandwidth=row["bandwidth"],
            )
        )
    return found
