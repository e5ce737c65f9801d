"""The tour shows what was measured."""

import json

from scripts.docs import insert
from scripts.tables import README
from scripts.tour import FOUND, PAGE, tables


def test_the_pages_show_what_was_measured():
    found = json.loads(FOUND.read_text())
    for page in (PAGE, README):
        assert insert(page.read_text(), tables(found)) == page.read_text()


def test_the_story_of_the_stall_holds():
    """The page says which exponential is late, and why."""
    found = json.loads(FOUND.read_text())["tables"]
    assert found["stalls"]["rows"][0][4].startswith("semaphore")
    times = sorted((int(row[2]), int(row[3]), row[4]) for row in found["vector"]["rows"])
    (slowest, waited, sums), usual = times[-1], times[len(times) // 2]
    assert (
        slowest > 1.7 * usual[0]
        and waited - usual[1] > 0.9 * (slowest - usual[0])
        and "sum" in sums
    )


def test_golden_and_vcd_list_the_same():
    rows = json.loads(FOUND.read_text())["tables"]["one block"]["rows"]
    assert len(rows) == 33 and all(row[-1] == row[-2] for row in rows)
