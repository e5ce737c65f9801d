"""The report: one HTML file that holds data, style and program, and that never asks for anything
else.
"""

import html
import json
import os
import re
import tempfile
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from waves.rebuild.inspection import Inspection
from waves.report.columns import decode, encode
from waves.report.embed import columns_of, index_of

__all__ = ["SCRIPTS", "read_report", "write_report"]

HERE = Path(__file__).parent
SCRIPTS = (
    "model.js",
    "transfer.js",
    "state.js",
    "paint.js",
    "words.js",
    "timeview.js",
    "timebar.js",
    "meshdraw.js",
    "mesh.js",
    "spacetime.js",
    "shares.js",
    "gantt.js",
    "links.js",
    "tables.js",
    "main.js",
)
"""In the order in which the page runs them."""


def write_report(inspection: Inspection, path: Path, *, title: str) -> None:
    """Write an inspection as a page that opens from disk, completely or not at all.

    Parameters
    ----------
    path
        Where to; its folder exists.
    title
        What was recorded, one line.

    Raises
    ------
    OSError
        If the folder cannot be written.
    """
    columns = "\n".join(
        f'<script type="text/plain" data-column="{name}" '
        f'data-steps="{int(column.steps)}">{encode(column)}</script>'
        for name, column in columns_of(inspection).items()
    )
    parts = {
        "TITLE": html.escape(title),
        "STYLE": (HERE / "page.css").read_text(),
        "INDEX": json.dumps(index_of(inspection, title), separators=(",", ":")).replace(
            "<", "\\u003c"
        ),
        "COLUMNS": columns,
        "SCRIPT": "\n".join((HERE / name).read_text() for name in SCRIPTS),
    }
    page = re.sub(r"\{\{(\w+)\}\}", lambda found: parts[found[1]], (HERE / "page.html").read_text())
    with tempfile.NamedTemporaryFile(
        "w", dir=path.parent, suffix=".html", delete=False, encoding="utf-8"
    ) as scratch:
        scratch.write(page)
    os.chmod(scratch.name, 0o644)
    os.replace(scratch.name, path)


def read_report(path: Path) -> tuple[dict, dict[str, NDArray[np.int32]]]:
    """Index and columns of a report, as its page sees them."""
    page = path.read_text(encoding="utf-8")
    index = page.partition('<script type="application/json" id="index">')[2]
    index = index.partition("</script>")[0]
    found = re.findall(r'data-column="([\w.]+)" data-steps="(\d)">([^<]*)</script>', page)
    return json.loads(index), {name: decode(text, steps == "1") for name, steps, text in found}
