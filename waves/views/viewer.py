"""Starts the waveform viewer that is installed."""

import os
import shutil
import subprocess
from pathlib import Path

from isa.errors import UserError

__all__ = ["VIEWERS", "open_viewer", "viewer_command"]

VIEWERS = {
    "gtkwave": ("{dump}", "waves.gtkw"),
    "surfer": ("--state-file", "waves.surf.ron", "{dump}"),
}
"""Viewer to its arguments, run in the folder of the views; the first one found is taken."""
PATIENCE = 1.5
"""Seconds after which a viewer that still runs has opened its window."""


def viewer_command(dump: Path, folder: Path) -> list[str]:
    """Command that opens `dump` with the views of `folder`, run there.

    The environment variable ``VIEWER`` may name the viewer, or give its path.

    Raises
    ------
    UserError
        If no viewer is installed, or not the one asked for.
    """
    wanted = os.environ.get("VIEWER", "")
    if wanted and Path(wanted).name not in VIEWERS:
        raise UserError(
            f"VIEWER must be {' or '.join(VIEWERS)}, or the path of one, not {wanted!r}"
        )
    for program in [wanted] if wanted else VIEWERS:
        if path := shutil.which(program):
            return [
                path,
                *(argument.format(dump=dump.resolve()) for argument in VIEWERS[Path(program).name]),
            ]
    raise UserError(
        f"no {wanted or 'waveform viewer'} on PATH: install GTKWave (Debian: apt-get install "
        f"gtkwave) and open {folder / 'waves.gtkw'}, or Surfer (surfer-project.org) and open "
        f"{dump} with {folder / 'waves.surf.ron'}"
    )


def open_viewer(dump: Path, folder: Path) -> subprocess.Popen:
    """Start a viewer on `dump` with the views of `folder`, and leave it running.

    Returns
    -------
    subprocess.Popen
        The viewer; ``args`` is the command. What it prints goes to ``viewer.log`` in `folder`.

    Raises
    ------
    UserError
        If there is no viewer, or if it ends at once: without a display, for example.
    """
    command = viewer_command(dump, folder)
    log = folder / "viewer.log"
    with open(log, "w") as output:
        # A session of its own: the viewer outlives make, and Ctrl-C in the terminal.
        viewer = subprocess.Popen(
            command,
            cwd=folder,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
        )
    try:
        code = viewer.wait(PATIENCE)
    except subprocess.TimeoutExpired:
        return viewer
    said = [line.strip() for line in log.read_text(errors="replace").splitlines() if line.strip()]
    raise UserError(
        f"{Path(command[0]).name} ended at once (exit code {code}): "
        f"{said[0] if said else 'it says nothing'}; see {log}"
    )
