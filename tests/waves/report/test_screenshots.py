"""Screenshots of a report are small files of the views that were asked for."""

import pytest
from matplotlib.image import imread

from tests.waves.report.sample import sample
from waves.report import browser
from waves.report.page import write_report
from waves.report.screenshots import LARGEST, screenshots


@pytest.fixture(scope="module")
def report(tmp_path_factory):
    path = tmp_path_factory.mktemp("report") / "report.html"
    write_report(sample(2, 2, 500), path, title="sample")
    return path


def test_views_become_small_pictures(report, tmp_path):
    try:
        paths = screenshots(
            report, tmp_path, links={"one": "cycle=40&view=gantt", "two": "cycle=40&view=spacetime"}
        )
    except browser.Missing as missing:
        pytest.skip(str(missing))
    assert sorted(tmp_path.iterdir()) == paths == [tmp_path / "one.png", tmp_path / "two.png"]
    pictures = [imread(path) for path in paths]
    assert all(picture.shape[1] == 1200 for picture in pictures)
    assert (pictures[0] != pictures[1]).any()
    assert all(path.stat().st_size <= LARGEST for path in paths)


def test_without_a_browser_one_line_says_what_is_missing(report, tmp_path, monkeypatch):
    pytest.importorskip("playwright")
    monkeypatch.setattr(browser.shutil, "which", lambda name: None)
    with pytest.raises(
        browser.Missing,
        match="no Chromium: none of chromium, chromium-browser, google-chrome is on the PATH",
    ):
        screenshots(report, tmp_path)
    assert list(tmp_path.iterdir()) == []
