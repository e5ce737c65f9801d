"""Small pictures of a report's views, as a browser shows them."""

import os
import tempfile
from pathlib import Path

from PIL import Image

from waves.report.browser import chromium

__all__ = ["screenshots"]

WIDE, TALL = 1200, 900
COLOURS = (256, 128, 64, 32)
"""Palettes to try until a picture is small enough."""
LARGEST = 150_000
"""Bytes of a picture."""


def screenshots(html: Path, folder: Path, *, links: dict[str, str] | None = None) -> list[Path]:
    """Write a PNG of each view of a report, 1200 pixels wide and at most 150 kB.

    Parameters
    ----------
    html
        The report.
    folder
        Where to; it exists.
    links
        File name without its ending to the state that is shown, as
        ``cycle=4711&collective=3&view=gantt``; if None the mesh, the space-time diagram and the
        Gantt chart as the report opens them.

    Raises
    ------
    waves.report.browser.Missing
        If there is no playwright or no Chromium.
    """
    shown = links or {view: f"view={view}" for view in ("mesh", "spacetime", "gantt")}
    with tempfile.TemporaryDirectory(dir=folder) as scratch:
        with chromium() as browser:
            for name, state in shown.items():
                page = browser.new_page(viewport={"width": WIDE, "height": TALL}, offline=True)
                page.goto(f"{html.resolve().as_uri()}#{state}")
                page.wait_for_selector("body[aria-busy=false]")
                page.evaluate(
                    "() => new Promise(done => requestAnimationFrame(() => "
                    "requestAnimationFrame(done)))"
                )
                page.screenshot(path=Path(scratch, f"{name}.png"))
                page.close()
        for name in shown:
            _shrink(Path(scratch, f"{name}.png"))
            os.replace(Path(scratch, f"{name}.png"), folder / f"{name}.png")
    return [folder / f"{name}.png" for name in shown]


def _shrink(path: Path) -> None:
    """Fewer colours until the file is small enough, or there are no fewer."""
    picture = Image.open(path).convert("RGB")
    picture.save(path, optimize=True)
    for colours in COLOURS:
        if path.stat().st_size <= LARGEST:
            return
        picture.quantize(
            colours, Image.Quantize.MAXCOVERAGE, kmeans=1, dither=Image.Dither.NONE
        ).save(path, optimize=True)
