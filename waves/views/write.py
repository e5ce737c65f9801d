"""Writes the views of a VCD."""

from collections.abc import Collection
from pathlib import Path

from isa.geometry import TileXY
from waves.views import gtkwave, surfer
from waves.views.header import read_header
from waves.views.layout import arrange

__all__ = ["write_views"]


def write_views(
    vcd: Path, folder: Path, *, tiles: Collection[TileXY] | None = None, dump: Path | None = None
) -> list[Path]:
    """Write views of a VCD for GTKWave and for Surfer.

    Parameters
    ----------
    vcd
        A VCD of the mesh, from which the names are taken.
    folder
        Where to put the files: ``waves.gtkw`` with ``filters``, ``waves.surf.ron`` and
        ``waves.sucl`` with ``.surfer/mappings``. It is made. Not the VCD's own folder: Surfer
        offers every state file there, wherever it was started, and stops when it then does not find
        the mappings.
    tiles
        Tiles to show; all of them if None.
    dump
        What the views open, if it is not the VCD itself but the same in another format.

    Returns
    -------
    list[Path]
        The three views: GTKWave's save file, Surfer's state file, Surfer's command file.

    Raises
    ------
    UserError
        If the VCD cannot be read or is of another design, or has no such tile; nothing is written
        then.
    """
    header = read_header(vcd)
    view = arrange(header, tiles)
    folder, dump = folder.resolve(), (dump or vcd).resolve()
    files = {
        **{folder / "filters" / name: text for name, text in gtkwave.filter_files(view).items()},
        **{
            folder / surfer.MAPPINGS / name: text
            for name, text in surfer.mapping_files(view).items()
        },
    }
    views = {
        folder / "waves.gtkw": gtkwave.save_file(header, view, dump, folder),
        folder / "waves.surf.ron": surfer.state_file(header, view, dump),
        folder / "waves.sucl": surfer.command_file(header, view),
    }
    for path, text in {**files, **views}.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return list(views)
