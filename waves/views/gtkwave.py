"""Writes a view for GTKWave: a save file, and a translate filter file for each kind of name."""

import math
from io import StringIO
from pathlib import Path
from typing import Any

from vcd.gtkw import GTKWColor, GTKWSave, make_translation_filter

from waves.views.header import Header
from waves.views.layout import Colour, Group, Radix, Row, rows
from waves.views.translations import Translation

__all__ = ["filter_files", "save_file"]

COLOURS = {
    Colour.PLAIN: GTKWColor.normal,
    Colour.HANDSHAKE: GTKWColor.yellow,
    Colour.TRANSFER: GTKWColor.orange,
    Colour.PLACE: GTKWColor.violet,
    Colour.WORK: GTKWColor.green,
    Colour.STALL: GTKWColor.red,
}
FORMATS = {Radix.BIT: "bin", Radix.UNSIGNED: "dec", Radix.HEX: "hex"}
WINDOW = (1700, 1000)
"""Pixels of the window; the waves get about `CANVAS` of its width."""
CANVAS = 1200
FRAME = 200
"""Pixels that GTKWave's zoom is given for."""
NARROWEST, WIDEST = 1, 40
"""Pixels that a cycle takes at least, and at most, when the view opens."""


def save_file(header: Header, view: Group, dump: Path, folder: Path) -> str:
    """Text of the save file for `dump`, whose filter files are in `folder`."""
    file = StringIO()
    save = GTKWSave(file)
    save.dumpfile(str(dump))
    save.savefile(str(folder / "waves.gtkw"))
    save.timestart(header.first)
    save.size(*WINDOW)
    save.zoom_markers(_zoom(header))
    save.signals_width(280)
    save.sst_expanded(False)
    for item in view.items:
        _write(save, item, folder)
    return file.getvalue()


def filter_files(view: Group) -> dict[str, str]:
    """Name to text of each filter file that the view needs."""
    return {
        _filter_name(row, names): _filter(names, row.signal.width)
        for row in rows(view)
        if (names := row.translation)
    }


def _zoom(header: Header) -> float:
    """GTKWave's zoom: minus the binary logarithm of the time units in `FRAME` pixels. A cycle is
    two units.
    """
    cycles = max(1, (header.last - header.first) / 2)
    pixels = min(WIDEST, max(NARROWEST, CANVAS / cycles))
    return math.log2(pixels / 2 / FRAME)


def _filter_name(row: Row, names: Translation) -> str:
    return f"{names.name}.{row.signal.width}.txt"


def _filter(translation: Translation, width: int) -> str:
    values = [
        (entry.value, entry.text, entry.colour) if entry.colour else (entry.value, entry.text)
        for entry in translation.entries
    ]
    return make_translation_filter(values, "bin" if width == 1 else "hex", width) + "\n"


def _write(save: GTKWSave, item: Row | Group, folder: Path) -> None:
    if isinstance(item, Group):
        with save.group(item.label, closed=not item.unfolded):
            for inner in item.items:
                _write(save, inner, folder)
        return
    names = item.translation
    path = str(folder / "filters" / _filter_name(item, names)) if names else None
    look: dict[str, Any] = {
        "color": COLOURS[item.colour],
        "datafmt": FORMATS[item.radix],
        "translate_filter_file": path,
    }
    if names and item.signal.width == 1:
        save.trace(
            f"#{{{item.label}}} {item.signal.path}", **look
        )  # a vector of one bit: only vectors are translated
    else:
        save.trace(item.signal.path, alias=item.label, **look)
