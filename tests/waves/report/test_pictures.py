"""Pictures of every kind, of empty and of large windows, and their colours, which are the
page's.
"""

import re
from pathlib import Path

import numpy as np
import pytest
from matplotlib.image import imread

from isa.errors import UserError
from tests.waves.report.sample import sample
from waves.read.recording import RUN
from waves.rebuild.inspection import Inspection
from waves.report import page, pictures
from waves.report.pictures import style
from waves.report.pictures.gantt import _stacked
from waves.report.pictures.spacetime import flits_of
from waves.report.pictures.utilisation import _held

NAMES = ["gantt", "mesh", "spacetime", "utilisation"]


@pytest.fixture(scope="module")
def inspection():
    return sample(3, 1, 400)


def test_all_pictures_are_written(inspection, tmp_path):
    paths = pictures(inspection, tmp_path / "made", collective=1)
    assert [path.name for path in paths] == [
        f"{name}.{kind}" for name in NAMES for kind in ("png", "svg")
    ]
    assert sorted(tmp_path.glob("made/*")) == paths
    for path in paths[::2]:
        picture = imread(path)
        assert (
            picture.shape[1] > 600
            and len(np.unique(picture.reshape(-1, picture.shape[2]), axis=0)) > 30
        )
    assert f"reduce max #1, tag {inspection.transfers[1].tag}: (0,0)–(2,0), root (1,0)" in text_of(
        tmp_path / "made/spacetime.svg"
    )


def text_of(path: Path) -> str:
    """The comments in which matplotlib keeps the texts that it draws as outlines."""
    return "\n".join(re.findall(r"<!-- (.*?) -->", path.read_text()))


def test_nothing_transferred_has_no_space_time_diagram(tmp_path):
    recording = sample(1, 1, 10).recording
    names = {path.stem for path in pictures(Inspection(recording, [], []), tmp_path)}
    assert names == {"gantt", "mesh", "utilisation"}


def test_a_number_that_is_not_there_is_said(inspection, tmp_path):
    with pytest.raises(
        UserError, match=r"no transfer 999 in this window: its transfers are 0 to \d+"
    ):
        pictures(inspection, tmp_path / "made", collective=999)
    assert not (tmp_path / "made").exists()


def test_every_hop_has_its_flits(inspection):
    for transfer in inspection.transfers:
        for hop in transfer.hops:
            traffic = inspection.recording.traffic[hop.link]
            mine = flits_of(transfer, hop, traffic)
            if transfer.whole:
                assert len(mine) == hop.flits
                assert (traffic.taken[mine[0]], traffic.taken[mine[-1]]) == (hop.first, hop.last)


def test_shares_of_a_bin_are_stacked():
    assert _stacked(np.array([3, 1], np.int32), 2).tolist() == [[3, 1], [3, 1]]
    many = np.tile(np.array([5, 5, 5, 2], np.int32), 2400)
    assert _stacked(many, 4)[:, 0].tolist() == [5, 5, 5, 2]


def test_shares_of_time_are_exact():
    runs = np.array([(2, 5, 1), (5, 6, 1), (8, 30, 1)], RUN)
    assert _held(runs, np.array([0, 4, 8, 10, 40])).tolist() == [0.5, 0.5, 1.0, 20 / 30]
    assert _held(runs[:0], np.array([0, 4])).tolist() == [0.0]


def test_page_and_pictures_have_the_same_colours():
    script = (page.HERE / "paint.js").read_text()
    for name in ("CLASS", "CAUSE", "NETWORK"):
        mine = {
            "CLASS": style.CLASSES,
            "CAUSE": style.CAUSES.values(),
            "NETWORK": style.NETWORKS.values(),
        }[name]
        line = re.search(rf"const {name}_COLOURS = (.*);", script)[1]
        assert re.findall(r"#[0-9a-f]{6}", line) == list(mine)
