"""The TOML file that says what a campaign runs."""

from collections.abc import Collection, Iterator
from itertools import product
from pathlib import Path
from typing import Annotated, Any, NamedTuple

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationInfo,
    field_validator,
)

from isa.errors import UserError, meant
from isa.machine import load_machine
from isa.mistakes import read_toml
from programs.common.ranking import parse_slice
from programs.compiler import KINDS, parse_workload
from programs.tensors import DEFAULT, DTYPES
from tb.campaign.trial import COSTS, MOST_STALL, Trial
from tb.hardware import ARRAYS

__all__ = ["CampaignSpec", "Grid", "Planned", "plan", "read_spec"]

_FLOWS = tuple(name for kind in KINDS for name in kind.dataflows)


def _several(value: Any) -> Any:
    """One value means a list of one; TOML has lists where a frozen table needs tuples."""
    return tuple(value) if isinstance(value, list) else (value,)


Texts = Annotated[
    tuple[str, ...],
    BeforeValidator(_several),
    Field(min_length=1, title="a text, or a list of texts"),
]
Numbers = Annotated[
    tuple[Annotated[int, Field(ge=0, lt=1 << 60)], ...],
    BeforeValidator(_several),
    Field(min_length=1, title="a whole number from 0 up, or a list of them"),
]


class _SpecTable(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


class Grid(_SpecTable):
    """All combinations of these are run; each is a value or a list of them, and means what the
    variable of `make sim` of that name does. An empty text is by rule.
    """

    workload: Texts
    machine: Texts = ("mesh4",)
    mesh: Texts = ("",)
    dataflow: Texts = ("",)
    dtype: Texts = ("",)
    ptype: Texts = ("",)
    otype: Texts = ("",)
    group: Texts = ("",)
    slice: Texts = ("",)
    seed: Numbers = (1,)
    stall: Numbers = (0,)
    array: Texts = ("rtl",)
    costs: Texts = ("ours",)
    target: Texts = ("rtl",)

    @field_validator("machine", "mesh", "workload", "slice")
    @classmethod
    def _readable(cls, values: tuple[str, ...], info: ValidationInfo) -> tuple[str, ...]:
        readers: dict[str, Any] = {
            "machine": load_machine,
            "mesh": load_machine("tiny").with_mesh,
            "workload": _check_workload,
            "slice": parse_slice,
        }
        read = readers[str(info.field_name)]
        for value in values:
            if value or info.field_name in ("machine", "workload"):
                read(value)
        return values

    @field_validator("dataflow", "dtype", "ptype", "otype", "array", "costs", "target")
    @classmethod
    def _known(cls, values: tuple[str, ...], info: ValidationInfo) -> tuple[str, ...]:
        known: Collection[str] = {
            "dataflow": ("", *_FLOWS),
            "array": ARRAYS,
            "costs": COSTS,
            "target": (info.context or {}).get("targets", ()),
        }.get(str(info.field_name), ("", *DTYPES))
        for value in values:
            if value not in known:
                raise UserError(f"{value!r} is not known, {meant(value, filter(None, known))}")
        return values

    @field_validator("stall")
    @classmethod
    def _bearable(cls, values: tuple[int, ...]) -> tuple[int, ...]:
        if max(values) > MOST_STALL:
            raise UserError(f"must be at most {MOST_STALL} per cent, not {max(values)}")
        return values


class CampaignSpec(_SpecTable):
    """A name, which is that of its folder, and grids, which are run one after the other."""

    model_config = ConfigDict(title="campaign")

    name: Annotated[str, Field(pattern=r"^[\w.-]*$", title="letters, digits, _, . and -")] = ""

    @field_validator("name")
    @classmethod
    def _a_folder_of_its_own(cls, name: str) -> str:
        if name.startswith(".") or name == "kept":
            raise UserError(f"{name!r} cannot be a campaign's folder: choose another name")
        return name

    grid: Annotated[
        tuple[Grid, ...],
        BeforeValidator(lambda value: tuple(value) if isinstance(value, list) else value),
        Field(min_length=1, title="tables, each written [[grid]]"),
    ]


class Planned(NamedTuple):
    """A run of a plan."""

    name: str
    """Unique in the plan."""
    target: str
    trial: Trial
    machine: str
    """As the spec names it."""


def read_spec(path: Path, targets: Collection[str]) -> CampaignSpec:
    """The campaign that a file describes, named as the file if it has no name.

    Raises
    ------
    UserError
        One line with the line of the file that is wrong.
    """
    spec = read_toml(CampaignSpec, path, "SPEC", {"targets": targets})
    return spec if spec.name else spec.model_copy(update={"name": path.stem})


def plan(spec: CampaignSpec) -> list[Planned]:
    """All runs of a campaign, each once, in the order of the file.

    Raises
    ------
    UserError
        If a machine cannot have a mesh.
    """
    found: dict[tuple[str, Trial], Planned] = {}
    for grid in spec.grid:
        for point in _points(grid):
            machine, target = str(point.pop("machine")), str(point.pop("target"))
            if not str(point["workload"]).endswith(".npz"):  # a file may say it itself
                point["dtype"] = point["dtype"] or DEFAULT
            trial = Trial(load_machine(machine, str(point.pop("mesh")) or None), **point)
            mesh = trial.machine.mesh
            parts = [machine, f"{mesh.columns}x{mesh.rows}", trial.workload]
            parts.append(trial.dataflow or "by rule")
            parts += [
                f"{name}={value}"
                for name, value in trial.asked().items()
                if name not in ("workload", "dataflow") and value not in ("", 0, "rtl", "ours")
            ]
            name = " ".join([*parts, target])
            found.setdefault((target, trial), Planned(name, target, trial, machine))
    return list(found.values())


def _points(grid: Grid) -> Iterator[dict[str, Any]]:
    """All combinations, the first key the slowest."""
    axes = grid.model_dump()
    for values in product(*axes.values()):
        yield dict(zip(axes, values, strict=True))


def _check_workload(text: str) -> None:
    if text.endswith(".npz"):
        if not Path(text).is_file():
            raise UserError(f"WORKLOAD {text}: there is no such file")
    elif text != "minilm":
        parse_workload(text)
