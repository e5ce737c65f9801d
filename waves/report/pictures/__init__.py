"""Pictures of an inspection for papers: the mesh, one transfer in space and time, the engines, the
use of the networks.
"""

import os
import tempfile
from pathlib import Path

from matplotlib import pyplot as plt
from matplotlib.figure import Figure

from isa.errors import UserError
from waves.rebuild.inspection import Inspection, Transfer
from waves.report.pictures.gantt import gantt
from waves.report.pictures.mesh import mesh
from waves.report.pictures.spacetime import spacetime
from waves.report.pictures.utilisation import utilisation

__all__ = ["pictures"]

KINDS = ("svg", "png")


def pictures(inspection: Inspection, folder: Path, *, collective: int | None = None) -> list[Path]:
    """Write ``mesh``, ``gantt``, ``utilisation`` and, if anything was transferred, ``spacetime``,
    as SVG and PNG.

    Parameters
    ----------
    folder
        Where to; it is made if it is not there.
    collective
        Number of the transfer in ``spacetime``; if None the first collective that is whole.

    Raises
    ------
    UserError
        If there is no transfer of that number.
    """
    transfer = _chosen(inspection, collective)
    drawn = {"mesh": mesh(inspection.recording), "gantt": gantt(inspection.recording)}
    drawn["utilisation"] = utilisation(inspection.recording)
    if transfer is not None:
        drawn["spacetime"] = spacetime(inspection.recording, transfer)
    return _written(drawn, folder)


def _chosen(inspection: Inspection, number: int | None) -> Transfer | None:
    if number is None:
        whole = [transfer for transfer in inspection.collectives if transfer.whole]
        return next(iter(whole + inspection.collectives + inspection.transfers), None)
    found = next((transfer for transfer in inspection.transfers if transfer.number == number), None)
    if found is None:
        numbers = [transfer.number for transfer in inspection.transfers]
        there = f"its transfers are {min(numbers)} to {max(numbers)}" if numbers else "it has none"
        raise UserError(f"no transfer {number} in this window: {there}")
    return found


def _written(drawn: dict[str, Figure], folder: Path) -> list[Path]:
    """Save all figures, or none."""
    folder.mkdir(parents=True, exist_ok=True)
    paths = []
    with tempfile.TemporaryDirectory(dir=folder) as scratch:
        for name, figure in drawn.items():
            for kind in KINDS:
                figure.savefig(Path(scratch, f"{name}.{kind}"), dpi=150, bbox_inches="tight")
            plt.close(figure)
        for path in sorted(Path(scratch).iterdir()):
            path.chmod(0o644)
            os.replace(path, folder / path.name)
            paths.append(folder / path.name)
    return paths
