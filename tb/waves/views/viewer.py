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
PATIENCE = 2.0
"""Seconds after which a viewer that still runs has opened its window."""


def viewer_command(dump: Path) -> list[str]:
    """Command that opens `dump` with the views in the folder it is run in.

    The environment variable ``VIEWER`` may name the viewer, or give its path.

    Raises
    ------
    UserError
        If no viewer is installed, or not the one asked for.
    """
    wanted = os.environ.get("VIEWER", "")
    if wanted and Path(wanted).name not in VIEWERS:
        raise UserError(f"VIEWER must be {' or '.join(VIEWERS)}, or the path of one, not {wanted!r}")
    for program in [wanted] if wanted else VIEWERS:
        if path := shutil.which(program):
            return [path, *(argument.format(dump=dump.resolve()) for argument in VIEWERS[Path(program).name])]
    raise UserError(
        f"no {wanted or 'waveform viewer'} on PATH: install GTKWave (Debian: apt-get install gtkwave) or Surfer "
        f"(surfer-project.org), and open {dump}"
    )


def open_viewer(dump: Path, folder: Path) -> list[str]:
    """Start a viewer on `dump` with the views of `folder`, and leave it running.

    Returns
    -------
    list[str]
        The command. What the viewer prints goes to ``viewer.log`` in `folder`.

    Raises
    ------
    UserError
        If there is no viewer, or if it ends at once: without a display, for example.
    """
    command = viewer_command(dump)
    log = folder / "viewer.log"
    with open(log, "w") as output:
        # A session of its own: the viewer outlives make, and Ctrl-C in the terminal.
        process = subprocess.Popen(
            command, cwd=folder, stdin=subprocess.DEVNULL, stdout=output, stderr=output, start_new_session=True
        )
    try:
        code = process.wait(PATIENCE)
    except subprocess.TimeoutExpired:
        return command
    said = [line.strip() for line in log.read_text(errors="replace").splitlines() if line.strip()]
    raise UserError(
        f"{Path(command[0]).name} ended at once (exit code {code}): {said[-1] if said else 'it says nothing'}; see {log}"
    )
