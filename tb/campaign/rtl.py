"""A run of a campaign on the RTL, compared with the golden machine as `make sim` does."""

import shutil
from pathlib import Path

from isa.errors import UserError
from tb.campaign.trial import Trial, refused, verdict
from tb.experiment import Rig, run_experiment
from tb.hardware import Design, build_mesh, native_files
from tb.mesh import RunFailure
from tb.runner import SimulationFailure, fresh_folder

__all__ = ["build_rtl", "run_rtl"]


def build_rtl(trial: Trial) -> dict:
    """Compile the hardware of a trial, if it is not there."""
    design = None if trial.array == "rtl" else Design(native_files(trial.machine, trial.array))
    return {"seconds": build_mesh(trial.machine, stall=trial.stall > 0, design=design).seconds}


def run_rtl(trial: Trial) -> dict:
    """What ``make sim`` writes of it, with a status: ``passed``, ``wrong`` (bits or accuracy),
    ``refused`` (the programs cannot be made) or ``stopped`` (an error of a tile, or a hang).

    The files of the run go, the log of one that stops is in the row.

    Raises
    ------
    SimulationFailure
        If the simulator fails, with the end of its log.
    """
    folder = fresh_folder("campaign")
    try:
        trial.demand("rtl", costs="ours")
        seen = run_experiment(
            trial.machine,
            trial.tensors(),
            trial.dataflow or None,
            overrides=trial.overrides,
            settings=trial.settings,
            rig=Rig(workdir=folder),
        )
    except RunFailure as error:
        return refused(str(error), "stopped", _log(folder))
    except UserError as error:
        return refused(str(error))
    except SimulationFailure as error:
        error.add_note(_log(folder))
        raise
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    right = verdict(seen.result["bit_exact"], seen.accuracy, seen.first_mismatch)
    return {**seen.result, **right}


def _log(folder: Path) -> str:
    """What the simulator said."""
    path = folder / "simulation.log"
    return path.read_text(errors="replace") if path.exists() else ""
