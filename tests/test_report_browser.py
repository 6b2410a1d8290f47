"""The report in a real browser: it opens in time, asks for nothing and runs nothing foreign."""

from __future__ import annotations

import json
import os
import shutil
import sys
import time
from pathlib import Path

import pytest

from dedup.files import find_inputs
from dedup.pipeline.outputs import Outputs
from dedup.pipeline.run import run
from dedup.report import make_report

sys.path.insert(0, str(Path(__file__).parent.parent / "benchmarks"))

from many_clusters import write_many

SAMPLES = Path(__file__).parent.parent / "samples" / "articles.jsonl"
BROWSERS = ("chromium", "chromium-browser", "google-chrome", "chrome")
ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
REQUIRED = os.environ.get("CI") == "true"
if REQUIRED:
    from playwright import sync_api as playwright_api
else:
    playwright_api = pytest.importorskip("playwright.sync_api")
expect = playwright_api.expect  # waits: a page hears of a click or a new address after the call returns


@pytest.fixture(scope="module")
def browser():
    program = os.environ.get("CHROMIUM") or next(filter(None, map(shutil.which, BROWSERS)), None)
    if program is None:
        if REQUIRED:
            pytest.fail("no Chromium on the search path: install chromium or set CHROMIUM")
        pytest.skip("no Chromium on the search path")
    with playwright_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=ARGUMENTS)
        yield browser
        browser.close()


class Watched:
    """A page, and whatever it complained about or asked for."""

    def __init__(self, browser, path, anchor="", **settings):
        self.context = browser.new_context(**settings)
        self.page = self.context.new_page()
        self.complaints, self.requests = [], []
        self.page.on("console", lambda message: self.complaints.append(message.text))
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.page.on("dialog", lambda dialog: self.complaints.append("dialog") or dialog.dismiss())
        self.page.on("request", lambda request: self.requests.append(request.url))
        self.url = path.as_uri()
        self.page.goto(self.url + anchor)

    def found(self):
        return self.page.locator("#found").inner_text()

    def titles(self):
        return self.page.locator("#rows tr td:first-child a").all_inner_texts()


@pytest.fixture
def open_page(browser):
    opened = []

    def open_it(path, anchor="", **settings):
        opened.append(Watched(browser, path, anchor, **settings))
        return opened[-1]

    yield open_it
    for watched in opened:
        assert watched.complaints == []
        assert [url for url in watched.requests if not url.startswith(("file:", "data:"))] == []
        watched.context.close()


def until(holds, patience_s=5):
    """Wait for something to hold; the page's policy lets no function be made from a string in it."""
    end = time.perf_counter() + patience_s
    while not holds():
        assert time.perf_counter() < end, "it never came to hold"
        time.sleep(0.02)


def report_of(folder, records, **options):
    """Run and report, through the run's own path."""
    path = folder / "in.jsonl"
    path.write_text("".join(json.dumps(record) + "\n" for record in records))
    target = folder / "report.html"
    from functools import partial

    outputs = Outputs(report=str(target))
    run([str(path)], outputs, workers=1, make_report=partial(make_report, str(target), again=True, **options))
    return target


@pytest.fixture(scope="module")
def samples(tmp_path_factory):
    records = [json.loads(line) for line in SAMPLES.read_text("utf-8").splitlines()]
    return report_of(tmp_path_factory.mktemp("samples"), records)


def test_search_narrows_the_table_and_counts(samples, open_page):
    watched = open_page(samples)
    everything = watched.found()
    watched.page.fill("#search", "wine cellars")
    until(lambda: len(watched.titles()) == 1)
    assert watched.titles() == ["Belmonte sleeps in its wine cellars"]
    assert watched.found().startswith("1 of ")
    watched.page.click("button[type=reset]")
    assert watched.found() == everything


def test_filters_by_relation_source_size_and_score(samples, open_page):
    watched = open_page(samples)
    page = watched.page
    page.select_option("#relation", label="exact")
    assert all("exact" in row for row in page.locator("#rows tr").all_inner_texts())
    page.select_option("#relation", "")
    page.select_option("#source", label="Belmonte Mercury")
    assert watched.titles() == ["Belmonte sleeps in its wine cellars"]
    page.select_option("#source", "")
    page.fill("#size", "5")
    assert len(watched.titles()) == 1
    page.fill("#size", "2")
    page.locator("#score").fill("92")
    shares = page.locator("#rows tr td:last-child").all_inner_texts()
    assert shares
    assert all(int(share.split()[0]) <= 92 for share in shares)


def test_a_click_on_a_heading_sorts_and_a_second_one_turns_round(samples, open_page):
    watched = open_page(samples)
    watched.page.click("[data-sort=date]")
    dates = watched.page.locator("#rows tr td:nth-child(3)").all_inner_texts()
    assert dates == sorted(dates)
    assert watched.page.locator("th[aria-sort=ascending]").inner_text().startswith("Date")
    watched.page.click("[data-sort=date]")
    assert watched.page.locator("#rows tr td:nth-child(3)").all_inner_texts() == sorted(dates, reverse=True)


def test_a_deep_link_opens_its_cluster_and_going_back_shows_the_table(samples, open_page):
    watched = open_page(samples, "#cluster-heat-local")
    page = watched.page
    expect(page.locator("#one h1")).to_have_text("Belmonte sleeps in its wine cellars")
    expect(page.locator("#one .member")).to_have_count(4)
    assert "Most complete" in page.locator(".because").inner_text()
    expect(page.locator("#overview")).to_be_hidden()
    page.keyboard.press("Escape")
    expect(page.locator("#overview")).to_be_visible()
    page.go_back()
    expect(page.locator("#one")).to_be_visible()


def test_a_link_to_a_dropped_record_opens_the_cluster_it_is_in(samples, open_page):
    page = open_page(samples, "#cluster-heat-links").page
    expect(page.locator("#one h1")).to_have_text("Belmonte sleeps in its wine cellars")
    expect(page.locator(".member.aimed .id")).to_have_text("heat-links")


def test_a_deep_link_opens_its_pair_at_its_place(samples, open_page):
    watched = open_page(samples, "#cluster-heat-local")
    href = (
        watched.page.locator(".member")
        .nth(2)
        .locator("a", has_text="Link to this pair")
        .get_attribute("href")
    )
    other = open_page(samples, href)
    assert other.page.locator(".member.aimed").count() == 1
    assert f"#{other.page.locator('.member.aimed').get_attribute('id')}" == href


def test_the_comparison_marks_facts_folds_the_rest_and_strikes_what_cleaning_removed(samples, open_page):
    page = open_page(samples, "#cluster-lark-air-1").page
    # Fourteen is another form of 14, not another fact.
    expect(page.locator("del.fact", has_text="14")).to_have_count(0)
    expect(page.locator(".diff del", has_text="mln")).to_have_count(1)
    expect(page.locator(".diff ins", has_text="million")).to_have_count(1)
    assert page.locator(".fold", has_text="equal words").count() > 0
    page = open_page(samples, "#cluster-heat-local").page
    expect(page.locator(".diff s", has_text="Read more: What to drink")).to_have_count(1)
    page.locator(".key button").first.click()
    expect(page.locator(".diff.sides")).to_have_count(4)


def test_borderline_pairs_come_first_and_lead_to_their_comparison(samples, open_page):
    page = open_page(samples).page
    shares = [int(text.split()[0]) for text in page.locator("#least .score").all_inner_texts()]
    assert shares == sorted(shares)
    page.locator("#least a").first.click()
    expect(page.locator(".member.aimed .diff")).to_have_count(1)
    page.go_back()
    page.locator("#most a").first.click()
    expect(page.locator("#one .kind")).to_have_text("Two records kept apart")
    expect(page.locator("#one .diff")).to_have_count(1)
    assert page.locator("#one .reason").inner_text().startswith("digest: ")


def test_a_pair_kept_apart_says_which_rule_parted_it(samples, open_page):
    page = open_page(samples).page
    told = page.locator("#most .why").all_inner_texts()
    assert any("number 50 against 58" in why for why in told)


def test_letters_of_charts_can_be_read_on_a_phone_and_on_paper(samples, open_page):
    page = open_page(samples).page
    for medium, width in (("screen", 390), ("print", 720)):
        page.emulate_media(media=medium)
        page.set_viewport_size({"width": width, "height": 800})
        heights = page.locator(".chart svg:visible text").evaluate_all(
            "nodes => nodes.map(node => node.ownerSVGElement.getScreenCTM().a * 12)"
        )
        assert heights
        assert min(heights) >= 10


def test_no_relation_is_cut_off_in_the_table(samples, open_page):
    page = open_page(samples, viewport={"width": 1280, "height": 800}).page
    cut = "nodes => nodes.filter(node => node.scrollWidth > node.clientWidth).length"
    assert page.locator("#rows td:nth-child(5)").evaluate_all(cut) == 0


def test_the_keyboard_alone_reaches_a_cluster(samples, open_page):
    page = open_page(samples).page
    page.keyboard.press("j")
    page.keyboard.press("j")
    chosen = page.evaluate("document.activeElement.textContent")
    page.keyboard.press("Enter")
    page.wait_for_selector("#one h1")
    expect(page.locator("#one h1")).to_have_text(chosen)
    page.keyboard.press("n")
    until(lambda: page.locator("#one h1").inner_text() != chosen)
    page.keyboard.press("Escape")
    page.keyboard.press("/")
    page.keyboard.type("wine")
    assert page.locator("#search").input_value() == "wine"


def test_right_to_left_texts_are_shown_right_to_left(samples, open_page):
    page = open_page(samples, "#cluster-ar-3").page
    assert page.locator("#one h1").evaluate("node => getComputedStyle(node).direction") == "rtl"
    assert page.locator(".diff").first.evaluate("node => getComputedStyle(node).direction") == "rtl"


@pytest.mark.parametrize("width", [320, 390, 768, 1280])
def test_nothing_sticks_out_of_the_page(samples, open_page, width):
    page = open_page(samples, viewport={"width": width, "height": 800}).page
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    page.evaluate("location.hash = '#cluster-heat-local'")
    page.wait_for_selector("#one h1")
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_stands_out_from_its_ground_in_light_and_dark(samples, open_page, scheme):
    page = open_page(samples, "#cluster-lark-air-1", color_scheme=scheme).page
    for selector in ("#one h1", ".meta", ".diff", ".diff del", ".diff ins", ".reason"):
        assert contrast(page, selector) >= 4.5, selector


def contrast(page, selector):
    colours = page.locator(selector).first.evaluate(
        """node => {
          const ink = getComputedStyle(node).color;
          let ground = 'rgba(0, 0, 0, 0)';
          for (let at = node; at && ground === 'rgba(0, 0, 0, 0)'; at = at.parentElement)
            ground = getComputedStyle(at).backgroundColor;
          return [ink, ground];
        }"""
    )
    lights = sorted(luminance(colour) for colour in colours)
    return (lights[1] + 0.05) / (lights[0] + 0.05)


def luminance(colour):
    parts = [int(float(part)) / 255 for part in colour[colour.index("(") + 1 : -1].split(",")[:3]]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def test_every_control_and_drawing_has_a_name_for_those_who_listen(samples, open_page):
    page = open_page(samples).page
    nameless = page.evaluate(
        """() => [...document.querySelectorAll('input, select, button, svg, a')].filter(node =>
          !(node.labels?.length || node.getAttribute('aria-label') || node.textContent.trim()))
          .map(node => node.outerHTML)"""
    )
    assert nameless == []
    expect(page.locator("html[lang]")).to_have_count(1)
    expect(page.locator("h1:visible")).to_have_count(1)


STORM = (
    "The storm reached the coast on Monday night and left 12 villages without power, the regional governor "
    "said. Repairs will take until Friday, he added, and the schools of the district stay closed. "
)
ACT = "document.title='owned'"
HOSTILE = f'</script><script>{ACT}</script><img src=x onerror="{ACT}">{{{{7*7}}}}<!--'


def test_hostile_titles_texts_links_and_ids_stay_inert(tmp_path, open_page):
    text = STORM * 3
    records = [
        {
            "id": HOSTILE,
            "title": HOSTILE,
            "text": f"{HOSTILE}\n\n{text}",
            "source": HOSTILE,
            "url": "javascript:document.title='owned'",
        },
        {
            "id": "b",
            "title": "\u202egnp.exe" + "A" * 1_000_000,
            "text": f"{text} {HOSTILE.upper()}",
            "source": "\u2067x",
            "url": "https://example.org/\"><img src=x onerror=document.title='owned'>",
        },
        {"id": "c", "title": "plain", "text": text, "url": "https://example.org/c"},
    ]
    watched = open_page(report_of(tmp_path, records))
    page = watched.page
    for at in range(page.locator("#rows a").count()):
        page.locator("#rows a").nth(at).click()
        page.wait_for_selector("#one h1")
        hrefs = page.locator("#one a[target]").evaluate_all("nodes => nodes.map(node => node.href)")
        assert all(href.startswith(("https://example.org/c",)) for href in hrefs)
        page.keyboard.press("Escape")
    expect(page.locator("#rows tr")).to_have_count(1)
    assert "owned" not in page.title()
    expect(page.locator("img")).to_have_count(0)
    assert "\u202e" not in page.content()
    assert len(page.content()) < 300_000
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


def test_an_injected_script_would_not_run(samples, tmp_path, browser):
    """Prove that the policy stands by itself, should the escaping ever fail."""
    broken = tmp_path / "broken.html"
    injected = f'<script>{ACT}</script><img src=x onerror="{ACT}"><style>body{{display:none}}</style>'
    broken.write_text(
        samples.read_text("utf-8").replace('<main id="overview">', f'<main id="overview">{injected}'), "utf-8"
    )
    watched = Watched(browser, broken)
    watched.page.wait_for_timeout(200)
    assert "owned" not in watched.page.title()
    assert watched.page.locator("body").is_visible()
    assert any("Content Security Policy" in complaint for complaint in watched.complaints)
    watched.context.close()


def ready_after_s(page):
    """Return the seconds from asking for the page to its table being there and live."""
    return page.evaluate("performance.getEntriesByName('ready')[0].startTime") / 1000


def test_twenty_thousand_clusters_stay_small_and_open_within_two_seconds(tmp_path, open_page):
    source, decisions = write_many(tmp_path, 20_000)
    content = make_report("report.html", str(decisions), find_inputs([str(source)]))
    assert len(content) < 15_000_000
    target = tmp_path / "report.html"
    target.write_bytes(content)
    watched = open_page(target)
    opened = [ready_after_s(watched.page)]
    while len(opened) < 3:
        watched.page.reload()
        opened.append(ready_after_s(watched.page))
    assert min(opened) < 2, opened
    assert watched.found() == "20,000 of 20,000 clusters"
    started = time.perf_counter()
    watched.page.fill("#search", "1234-0")
    until(lambda: len(watched.titles()) < 25)
    assert time.perf_counter() - started < 2
    assert "pairs are shown without a comparison" in watched.page.locator("#run").inner_text()
