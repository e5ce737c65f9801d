"""The page in headless Chromium, from disk and offline: clicks, and what can be read afterwards."""

import re
from io import BytesIO

import numpy as np
import pytest
from matplotlib.image import imread

from tests.waves.report.sample import sample
from waves.report.browser import Missing, chromium
from waves.report.page import write_report
from waves.report.tree import in_tree_order

TITLE = "sample <3×2>"


@pytest.fixture(scope="module")
def inspection():
    return sample(3, 2, 1500, problems=True)


@pytest.fixture(scope="module")
def report(inspection, tmp_path_factory):
    path = tmp_path_factory.mktemp("report") / "report.html"
    write_report(inspection, path, title=TITLE)
    return path


@pytest.fixture(scope="module")
def browser():
    try:
        with chromium() as opened:
            yield opened
    except Missing as missing:
        pytest.skip(str(missing))


@pytest.fixture(scope="module")
def tab(browser, report):
    """The page, opened once, and what it complained about and asked for."""
    context = browser.new_context(viewport={"width": 1400, "height": 900}, offline=True)
    opened = context.new_page()
    complaints, asked = [], set()
    opened.on("console", lambda message: complaints.append(message.text))
    opened.on("pageerror", lambda error: complaints.append(str(error)))
    opened.on("request", lambda request: asked.add(request.url.split("#")[0]))
    opened.goto(report.as_uri())
    opened.wait_for_selector("body[aria-busy=false]")
    settled(opened)
    yield opened, complaints, asked
    context.close()


@pytest.fixture
def page(tab, report):
    opened, complaints, asked = tab
    opened.set_viewport_size({"width": 1400, "height": 900})
    yield opened
    assert complaints == []
    assert asked <= {report.as_uri(), "about:blank"}


def follow(page, link):
    """As a click on a link does."""
    page.evaluate("link => { location.hash = link; }", link)
    settled(page)


def settled(page):
    """Two frames later everything is drawn."""
    page.evaluate(
        "() => new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))"
    )


def cursor(page):
    return int(re.search(r"at cycle ([\d,]+)", page.inner_text("#cursor"))[1].replace(",", ""))


def spot(page, section, cycle, y):
    """Place of a cycle on a view's canvas, `y` pixels below its axis."""
    canvas = page.locator(f"#{section} .scroller canvas")
    data = canvas.evaluate("c => ({...c.dataset})")
    share = (cycle - float(data["from"])) / (float(data["to"]) - float(data["from"]))
    box = canvas.bounding_box()
    return box["x"] + float(data["gutter"]) + share * float(data["width"]), box["y"] + float(
        data["axis"]
    ) + y


def test_it_opens_with_the_first_collective(page, inspection):
    assert page.inner_text("h1") == TITLE
    first = next(t for t in inspection.transfers if t.is_collective and t.whole)
    assert page.inner_text("#spacetime-caption").startswith(f"#{first.number} {first.kind}")
    facts = page.inner_text("#facts")
    assert "3 × 2" in facts and f"{inspection.recording.flits:,}" in facts
    assert page.evaluate(
        "[...document.querySelectorAll('canvas')].filter(c => c.clientWidth).every(c => "
        "c.ariaLabel)"
    )


def test_a_collective_clicked_in_the_table_is_drawn(page, inspection):
    follow(page, "#cycle=5&view=spacetime")
    page.click("[data-table=collectives]")
    page.click("tr[data-row='3']")
    settled(page)
    chosen = inspection.transfers[3]
    caption = page.inner_text("#spacetime-caption")
    assert caption.startswith(f"#3 {chosen.kind} {chosen.op} · tag {chosen.tag}")
    assert f"latency {chosen.latency} / bound {chosen.bound} = {chosen.rho:.2f}" in caption
    label = page.get_attribute("#spacetime .scroller canvas", "aria-label")
    assert label == f"space-time diagram of transfer 3 on {len(chosen.hops)} links"
    assert chosen.begin <= cursor(page) <= chosen.end
    assert page.get_attribute("tr[data-row='3']", "aria-selected") == "true"


def test_the_space_time_diagram_says_what_a_flit_is(page, inspection):
    follow(page, "#collective=4&view=spacetime")
    transfer = inspection.transfers[4]
    canvas = page.locator("#spacetime .scroller canvas")
    assert int(canvas.get_attribute("data-rows")) == 1 + len(transfer.hops)
    height = min(30, int((canvas.bounding_box()["height"] - 24 - 30) / len(transfer.hops)))
    for row, (index, _) in enumerate(in_tree_order(transfer)):
        hop = transfer.hops[index]
        page.mouse.move(*spot(page, "spacetime", hop.first + 0.5, 30 + (row + 0.5) * height))
        text = page.inner_text("#tip")
        assert (
            f"tag {transfer.tag} · transfer #4 allreduce sum\nlink {hop.link}\n"
            "rectangle (0,0)–(2,0)" in text
        )
        assert f"taken {hop.first}" in text and f"word 0 of {transfer.words}" in text


def test_slider_keys_and_field_move_the_cursor(page):
    page.locator("#slider").fill("700")
    settled(page)
    assert cursor(page) == 700
    page.locator("#mesh-canvas").focus()
    page.keyboard.press("ArrowRight")
    page.keyboard.press("Shift+ArrowRight")
    settled(page)
    assert cursor(page) == 711
    page.locator("#cycle").fill("99999")
    page.keyboard.press("Enter")
    settled(page)
    assert cursor(page) == 1499


def test_a_click_on_the_gantt_moves_the_cursor_to_the_issue(page, inspection):
    follow(page, "#cycle=5&view=gantt&from=0&to=300")
    engine = next(iter(inspection.recording.engines.values()))
    run = engine.executed[2]
    page.mouse.click(*spot(page, "gantt", (int(run["issued"]) + int(run["done"])) / 2, 5))
    settled(page)
    assert cursor(page) == run["issued"]
    text = page.inner_text("#gantt-readout")
    assert (
        f"issued {run['issued']}, done {run['done']}" in text
        and f"MATMUL · slot {run['slot']}" in text
    )


def test_a_tile_clicked_on_the_mesh_is_shown_in_the_gantt(page):
    follow(page, "#cycle=5&view=spacetime")
    box = page.locator("#mesh-canvas").bounding_box()
    page.mouse.click(box["x"] + box["width"] * 0.86, box["y"] + box["height"] * 0.3)
    settled(page)
    assert page.get_attribute("[data-view=gantt][role=tab]", "aria-selected") == "true"
    assert page.get_attribute("#mesh-canvas", "data-tile") == "2,1"
    assert page.inner_text("#mesh-tile").startswith("tile (2,1): matrix ")


def test_a_flit_clicked_on_the_mesh_chooses_its_transfer(page, inspection):
    flying = inspection.transfers[6]
    follow(page, f"#cycle={(flying.begin + flying.end) // 2}&collective=0&view=mesh")
    box = page.locator("#mesh-canvas").bounding_box()
    for y in range(int(box["y"] + 0.7 * box["height"]), int(box["y"] + box["height"]), 2):
        x = box["x"] + 0.35 * box["width"]
        page.mouse.move(x, y)
        if page.is_visible("#tip") and "transfer #" in page.inner_text("#tip"):
            number = re.search(r"transfer #(\d+)", page.inner_text("#tip"))[1]
            page.mouse.click(x, y)
            page.click("[data-view=spacetime][role=tab]")
            settled(page)
            assert page.inner_text("#spacetime-caption").startswith(f"#{number} ")
            return
    pytest.fail("no flit under the pointer")


def test_wheel_and_drag_change_the_window(page):
    follow(page, "#cycle=500&view=gantt&from=400&to=600")
    page.mouse.move(*spot(page, "gantt", 500, 40))
    page.mouse.wheel(0, -400)
    settled(page)
    zoomed = page.inner_text("#window")
    assert "400 –" not in zoomed
    page.mouse.down()
    page.mouse.move(*spot(page, "gantt", 520, 40), steps=3)
    page.mouse.up()
    settled(page)
    assert page.inner_text("#window") != zoomed
    assert cursor(page) == 500


def test_a_link_restores_what_was_seen(page, report):
    follow(page, "#cycle=321&collective=5&view=links&from=300&to=400&tile=1,1")
    page.wait_for_timeout(200)
    link = page.evaluate("location.hash")
    assert cursor(page) == 321
    assert page.is_visible("#links") and not page.is_visible("#spacetime")
    page.goto("about:blank")
    page.goto(report.as_uri() + link)
    page.wait_for_selector("body[aria-busy=false]")
    settled(page)
    assert cursor(page) == 321
    assert page.inner_text("#window").startswith("visible: 300 – 399")
    assert page.get_attribute("#mesh-canvas", "data-tile") == "1,1"
    page.click("[data-view=spacetime][role=tab]")
    settled(page)
    assert page.inner_text("#spacetime-caption").startswith("#5 ")


def test_problems_lead_to_their_cycles(page):
    follow(page, "#cycle=5&view=gantt")
    page.click("[data-table=problems]")
    assert "word 3 of <tag 16> was delivered twice" in page.inner_text("#table")
    page.click("#table a:text('700')")
    settled(page)
    assert cursor(page) == 700
    assert page.inner_text("#spacetime-caption").startswith("#2 ")


def test_the_table_sorts_and_filters(page, inspection):
    page.click("[data-table=collectives]")
    page.click("button:text('ratio')")
    page.click("button:text('ratio')")
    found = [
        float(text)
        for text in page.locator("tr[data-row] td:nth-child(15)").all_inner_texts()
        if text != "–"
    ]
    assert found == sorted(found, reverse=True) and len(found) > 3
    page.fill("#filter", "max (0,1)")
    rows = page.locator("tr[data-row]").all_inner_texts()
    assert rows and all("max" in row and "(0,1)" in row for row in rows)
    page.fill("#filter", f"tag {inspection.transfers[6].tag}")
    assert page.locator("tr[data-row]").count() == 1
    page.fill("#filter", "")
    page.select_option("#kind", "put")
    assert all("put" in row for row in page.locator("tr[data-row]").all_inner_texts())
    page.select_option("#kind", "")


@pytest.mark.parametrize("size", [(1400, 900), (480, 800)])
@pytest.mark.parametrize("view", ["spacetime", "gantt", "links", "mesh"])
def test_every_view_draws_something(page, view, size):
    page.set_viewport_size({"width": size[0], "height": size[1]})
    follow(page, f"#cycle=300&collective=1&view={view}&from=0&to=1500")
    where = "#mesh-canvas" if view == "mesh" else f"#{view} .scroller canvas"
    picture = imread(BytesIO(page.locator(where).screenshot()), format="png")
    colours = len(np.unique(picture.reshape(-1, picture.shape[-1]), axis=0))
    assert colours > 12
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
