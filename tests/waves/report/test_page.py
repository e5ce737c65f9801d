"""The page holds the inspection, completely and compactly, and asks for nothing else."""

import re

import numpy as np
import pytest

from isa.instructions import Queue
from tests.waves.report.sample import sample
from waves.read.recording import EXECUTED, Link
from waves.rebuild.inspection import Inspection, Problem
from waves.report import tracks
from waves.report.columns import Column, decode, encode
from waves.report.embed import HOP
from waves.report.page import read_report, write_report
from waves.report.tree import in_tree_order


@pytest.fixture(scope="module")
def inspection():
    return sample(3, 2, 1500, problems=True)


@pytest.fixture(scope="module")
def report(inspection, tmp_path_factory):
    path = tmp_path_factory.mktemp("report") / "report.html"
    write_report(inspection, path, title="a <b>run</b> & {{COLUMNS}}")
    return path


@pytest.fixture(scope="module")
def embedded(report):
    return read_report(report)


@pytest.mark.parametrize("steps", [False, True])
@pytest.mark.parametrize("values", [[], [7], [0, -1, 2**31 - 1, -(2**31), 5, 5]])
def test_a_column_comes_back(values, steps):
    column = Column(np.array(values, np.int32), steps)
    assert decode(encode(column), steps).tolist() == values


def test_flits_come_back(inspection, embedded):
    index, columns = embedded
    for number, (link, traffic) in enumerate(inspection.recording.traffic.items()):
        assert index["links"][number] == [link.network, *link.tile, link.port]
        mine = slice(*columns["flit.at"][number : number + 2])
        wait = columns["flit.wait"][mine]
        assert np.array_equal(columns["flit.offered"][mine], traffic.offered)
        assert np.array_equal(np.where(wait < 0, -1, traffic.offered + wait), traffic.taken)
        for name in index["fields"]:
            values = columns[f"header.{name}"][columns["flit.header"][mine]]
            assert np.array_equal(values, traffic.header.get(name, np.full(len(traffic), -1))), (
                link,
                name,
            )
        assert np.array_equal(columns["flit.addr"][mine], traffic.header["addr"])
    assert columns["flit.at"][-1] == sum(map(len, inspection.recording.traffic.values()))


def test_transfers_and_hops_come_back(inspection, embedded):
    index, columns = embedded
    links = [Link(network, (x, y), port) for network, x, y, port in index["links"]]
    for i, transfer in enumerate(inspection.transfers):
        assert index["kinds"][columns["transfer.kind"][i]] == transfer.kind
        assert index["ops"][columns["transfer.op"][i]] == transfer.op
        for name in ("number", "tag", "words", "bytes", "start", "bound", "begin", "end", "whole"):
            assert columns[f"transfer.{name}"][i] == getattr(transfer, name)
        mine = range(*columns["hop.at"][i : i + 2])
        hops = {hop.link: hop for hop in transfer.hops}
        assert {links[columns["hop.link"][at]] for at in mine} == set(hops)
        for at in mine:
            hop = hops[links[columns["hop.link"][at]]]
            assert all(columns[f"hop.{name}"][at] == getattr(hop, name) for name in HOP)
        for name in ("issued", "completed"):
            at = slice(*columns[f"{name}.at"][i : i + 2])
            tiles = [(int(tile) % 3, int(tile) // 3) for tile in columns[f"{name}.tile"][at]]
            assert dict(zip(tiles, columns[f"{name}.cycle"][at].tolist(), strict=True)) == getattr(
                transfer, name
            )


def test_engines_come_back(inspection, embedded):
    index, columns = embedded
    for number, ((tile, queue), engine) in enumerate(inspection.recording.engines.items()):
        assert index["engines"][number] == [*tile, queue.name.lower()]
        mine = slice(*columns["executed.at"][number : number + 2])
        for name in engine.executed.dtype.names:
            assert np.array_equal(columns[f"executed.{name}"][mine], engine.executed[name])
        for name, paint in (
            ("lane", tracks.lane),
            ("state", tracks.state),
            ("stall", tracks.stalls),
        ):
            at = slice(*columns[f"{name}.at"][number : number + 2])
            begin, values = columns[f"{name}.begin"][at], columns[f"{name}.value"][at]
            lengths = np.diff(begin, append=inspection.recording.last + 1)
            assert np.array_equal(np.repeat(values, lengths), paint(engine, inspection.recording))


def test_active_cycles_come_back(inspection, embedded):
    _, columns = embedded
    for number, engine in enumerate(inspection.recording.engines.values()):
        at = slice(*columns["active.at"][number : number + 2])
        begin, values = columns["active.begin"][at], columns["active.value"][at]
        held = [
            run for run in zip(begin, np.append(begin[1:], 1500), values, strict=True) if run[2]
        ]
        assert held == engine.active.tolist()


def test_of_instructions_under_way_the_last_is_shown():
    recording = sample(1, 1, 100).recording
    engine = recording.engines[(0, 0), Queue.OUT]
    put, store = 0x32, 0x31
    engine.executed = np.array(
        [(-1, 30, put, 0, 0, 1, 1), (-1, 40, store, 1, 0, 1, 1), (20, -1, put, 2, 0, 1, 1)],
        EXECUTED,
    )
    shown = tracks.lane(engine, recording)
    assert set(shown[:20]) == {tracks.RUNNING + tracks.class_of(store)}
    assert set(shown[20:]) == {tracks.RUNNING + tracks.class_of(put)}


def test_a_lane_shows_states_where_no_instruction_runs(inspection):
    recording = inspection.recording
    engine = recording.engines[(1, 1), Queue.MATRIX]
    shown = tracks.lane(engine, recording)
    run = engine.executed[3]
    assert set(shown[run["issued"] : run["done"] + 1]) == {
        tracks.RUNNING + tracks.class_of(run["opcode"])
    }
    wait = next(wait for wait in engine.waits if wait["end"] - wait["begin"] > 2)
    assert set(tracks.state(engine, recording)[wait["begin"] : wait["end"]]) == {
        2 + 8 * wait["value"]
    }


def test_links_are_in_the_order_of_the_tree(inspection):
    for transfer in inspection.transfers:
        order = [transfer.hops[index].link for index, _ in in_tree_order(transfer)]
        assert sorted(map(str, order)) == sorted(str(hop.link) for hop in transfer.hops)
        at = {link: place for place, link in enumerate(order)}
        for link in order:
            if link.port not in ("inject", "eject") and not link.port.startswith("hbm_"):
                onward = [
                    other
                    for other in order
                    if other.network == link.network
                    and other.tile == link.to
                    and other.port != "inject"
                    and not other.port.startswith("hbm_")
                ]
                assert all(at[other] > at[link] for other in onward)


def test_the_page_asks_for_nothing(report):
    page = report.read_text()
    columns = re.compile(r'<script type="text/plain"[^>]*>[^<]*</script>')
    rest = columns.sub("", page)
    for word in (
        "http:",
        "https:",
        "src=",
        "url(",
        "@import",
        "import(",
        "import ",
        "fetch(",
        "XMLHttpRequest",
        "WebSocket",
    ):
        assert word not in rest, word
    assert re.search(r'href="[^#]', rest) is None
    assert "default-src 'none'" in rest
    assert [path.name for path in report.parent.iterdir()] == ["report.html"]


def test_titles_and_problems_are_text(report, embedded):
    page = report.read_text()
    assert "<title>a &lt;b&gt;run&lt;/b&gt; &amp; {{COLUMNS}}</title>" in page
    assert "<b>run" not in page and "<tag 16>" not in page
    assert embedded[0]["problems"][0] == [412, 1, 0, "word 3 of <tag 16> was delivered twice", 0]


def test_script_ends_do_not_end_the_page_s_script(inspection, tmp_path):
    bad = Inspection(
        inspection.recording,
        inspection.transfers,
        [Problem(1, (0, 0), "</script><script>alert(1)</script>")],
    )
    write_report(bad, tmp_path / "bad.html", title="x")
    assert "alert(1)</script>" not in (tmp_path / "bad.html").read_text()
    assert (
        read_report(tmp_path / "bad.html")[0]["problems"][0][3]
        == "</script><script>alert(1)</script>"
    )


def test_an_empty_recording_is_a_page_too(tmp_path):
    recording = sample(1, 1, 10).recording
    assert recording.flits == 0
    write_report(Inspection(recording, [], []), tmp_path / "empty.html", title="empty")
    _, columns = read_report(tmp_path / "empty.html")
    assert columns["hop.at"].tolist() == [0] and columns["flit.offered"].size == 0


def test_a_failure_leaves_nothing_behind(inspection, tmp_path):
    with pytest.raises(FileNotFoundError):
        write_report(inspection, tmp_path / "no" / "report.html", title="x")
    assert list(tmp_path.iterdir()) == []


def test_size_is_a_few_bytes_a_flit(report, inspection):
    flits = sum(map(len, inspection.recording.traffic.values()))
    assert report.stat().st_size < 100_000 + 8 * flits
