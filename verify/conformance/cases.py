"""Cases: what one is, and the sets of them."""

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass

from isa.errors import UserError
from isa.machine import Machine, load_machine
from programs.attention.mapping import DATAFLOWS, SOFTWARE
from programs.tensors import DTYPES
from verify.conformance.covering import covering
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


@dataclass(frozen=True)
class ConformanceCase:
    """One run. `name` is what the user repeats it by."""

    name: str
    kind: str
    """``attention``, ``gemm`` or ``tiles`` (an instruction program, see
    `verify.conformance.tile_programs`).
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
    """One of `FILLS`, or the focus of an instruction program."""
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


def cases(which: str, seed: int, mesh: str = "") -> list[ConformanceCase]:
    """All cases of a set, or with a `mesh` as many for this one alone.

    Raises
    ------
    UserError
        If there is no such set, or the mesh cannot be read.
    """
    if which not in SETS:
        raise UserError(f"SET must be one of {', '.join(SETS)}, not {which!r}")
    if mesh:
        load_machine("tiny", mesh)
    meshes = (mesh,) if mesh else tuple(MESHES)
    nightly = which == "nightly"
    found = list(_directed(meshes, seed))
    found += _tiles(meshes, seed, 40 if nightly else 3)
    found += _attention(meshes, seed, SIZES, strength=2, prefix="a")
    found += _gemm(meshes, seed, strength=3 if nightly else 2)
    if nightly:
        for turn in range(1, 5):
            found += _attention(
                meshes, seed + 1000 * turn, SIZES | LARGE, strength=2, prefix=f"n{turn}"
            )
        found += _attention(meshes, seed + 9000, SIZES, strength=3, prefix="t")
    return found


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


def _directed(meshes: Iterable[str], seed: int) -> Iterable[ConformanceCase]:
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
