"""Makes a recording of a VCD of the mesh, whoever wrote it."""

from pathlib import Path

from isa.errors import UserError
from isa.instructions import Queue
from waves.read.changes import open_waves
from waves.read.engines import engine
from waves.read.plain import plain
from waves.read.recording import Facts, Recording
from waves.read.samples import Samples
from waves.read.signals import MACHINE, Hierarchy, find_hierarchy, needed
from waves.read.streams import traffic

__all__ = ["read"]


def read(path: Path, *, reader: str = "vcdvcd") -> Recording:
    """Read what a VCD, or an FST file, shows of a run.

    A VCD may be a gzip file or a pipe, and have any encoding and line ends. The scope ``waves`` is
    found by its name, whatever is above it.

    Parameters
    ----------
    path
        The file; an FST file if its name ends in ``.fst``, which is always read with pywellen.
    reader
        ``vcdvcd``, or ``pywellen`` if it is installed, which is faster: the result is the same.

    Raises
    ------
    UserError
        If the file is not there, not a VCD, damaged or truncated, of another design, or leaves
        cycles out.
    """
    try:
        with plain(Path(path)) as text:
            return _read(text, reader)
    except OSError as error:
        raise UserError(f"{path}: cannot be read: {error.strerror}") from None
    except UserError as error:
        raise UserError(f"{path}: {error}") from None


def _read(path: Path, reader: str) -> Recording:
    waves = open_waves(path, reader)
    hierarchy = find_hierarchy(waves.widths)
    changes = waves.changes(needed(hierarchy, waves.widths))
    samples = Samples(
        {name.removeprefix(f"{hierarchy.scope}."): found for name, found in changes.items()}
    )
    return Recording(
        facts=_facts(samples, hierarchy),
        first=samples.first,
        last=samples.last,
        finished=bool(samples.flag("finished")[-1]),
        traffic={link: traffic(samples, link, scope) for link, scope in hierarchy.links.items()},
        engines={
            (tile, queue): engine(samples, tile, queue)
            for tile in hierarchy.tiles()
            for queue in Queue
        },
        changes=samples.changed,
    )


def _facts(samples: Samples, hierarchy: Hierarchy) -> Facts:
    """The constants of the machine, which must agree with the signals that are there."""
    machine = {name: int(samples.at(f"machine.{name}")[0]) for name in MACHINE}
    if (machine["columns"], machine["rows"]) != (hierarchy.columns, hierarchy.rows):
        raise UserError(
            f"machine.columns and machine.rows say {machine['columns']}x{machine['rows']}, but the "
            f"tiles are those of a {hierarchy.columns}x{hierarchy.rows} mesh"
        )
    return Facts(**machine, channels=hierarchy.channels)
