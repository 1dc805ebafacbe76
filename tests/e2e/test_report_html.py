# SPDX-License-Identifier: Apache-2.0
"""wattune report --format html in a real browser: its numbers are those of the JSON, names stay text, nothing is run or fetched,
and it prints."""

import functools
import re

import html5lib
import pytest
from selenium.common.exceptions import NoAlertPresentException

from pages import HOSTILE, STRUCTURE, Book, check_shown, figures, numbers_of, pages_of, print_page, shown



@pytest.fixture
def book(wt):
    return Book(wt, "report")


def test_numbers_are_those_of_the_json(book, browser):
    saved = {"baseline": 250000, "energy_fraction": 0.8, "energy_fraction_error": 0.01, "time_fraction": 1.1}
    book.add("a", kwh=3, cpu_energy_j=720000.0, project="vision", market_g=12.5, **saved)
    book.add("a", kwh=1, day=1, project="speech")
    book.add("b", kwh=0.25, day=2, project="vision", **saved)
    book.add("b", kwh=None, day=2, project="speech")
    book.add("killed", kwh=None, ended=0, time_s=None, busy_s=None, embodied_g=None, embodied_useful_g=None)
    options = ("--by", "job,project")
    found = book.json(*options)
    browser.open(book.html(*options))
    rows = browser.js(f"return Array.from(document.querySelectorAll('tbody tr')).map(r => "
                      f"[Array.from(r.querySelectorAll('th')).map(c => c.textContent), {figures('r')}, r.innerText])")
    assert len(rows) == len(found["groups"]) == 5
    for (keys, shown, text), group in zip(rows, found["groups"]):
        assert keys == [group["key"]["job"], group["key"]["project"] or "unknown"]
        assert [value for _, value in shown] == pytest.approx(numbers_of(group), rel=1e-11)
        for pair in shown:
            check_shown(*pair)
        lacks = group["not_measured"]
        assert ("GPU energy 1" in text, "CPU energy 1" in text) == ("gpu" in lacks, "cpu" in lacks)
    total = found["total"]
    assert [v for _, v in browser.js(f"return {figures('document.querySelector(`tfoot`)')}")] == pytest.approx(
        numbers_of(total), rel=1e-11)
    cards = dict(browser.js(f"return Array.from(document.querySelectorAll('dl > div')).map(d => "
                            f"[d.querySelector('dt').textContent, {figures('d')}])"))
    value = lambda name: [v for _, v in cards[name]]
    assert value("Energy") == pytest.approx([total["energy_j"][k] for k in ("total", "gpu", "cpu")], rel=1e-11)
    assert value("Energy of the facility") == pytest.approx([total["facility_energy_j"]], rel=1e-11)
    carbon = total["carbon"]
    assert value("Operational carbon, CO2e") == pytest.approx([carbon["operational_location_g"], carbon["operational_market_g"]],
                                                              rel=1e-11)
    assert value("Embodied carbon, CO2e") == pytest.approx([carbon["embodied_g"], carbon["embodied_useful_g"]], rel=1e-11)
    assert value("Operational and embodied, CO2e") == pytest.approx([carbon["total_location_g"]], rel=1e-11)
    assert value("Saved energy") == pytest.approx([total["savings"][k] for k in ("energy_j", "energy_error_j", "carbon_g")],
                                                  rel=1e-11)
    assert value("Runs") == [5]
    text = browser.js("return document.body.innerText")
    for words in ("GPU energy is unknown for 2 of 5 runs", "CPU energy is unknown for 4 of 5 runs", "killed", "in 2 of 5 runs",
                  "the market-based figure is unknown for 4 of 5 runs", "DRAM unknown", "PUE: 1.1, assumed (5 runs)",
                  "assumed world average (3 runs)", "2025-03-01 00:00 UTC to 2025-03-03 02:00 UTC"):
        assert words in text, words
    # The longest bar is the most energy, and lengths are in proportion.
    bars = browser.js("return Array.from(document.querySelectorAll('rect.energy')).map(r => r.getBoundingClientRect().width)")
    energies = sorted((g["energy_j"]["total"] for g in found["groups"] if g["energy_j"]["total"]), reverse=True)
    assert bars == pytest.approx([e / energies[0] * bars[0] for e in energies], rel=1e-3)


def test_days_stand_at_their_dates(book, browser):
    for day, kwh in ((0, 2.0), (0, 1.0), (1, 0.5), (7, 1.5)):
        book.add(f"job-{kwh}", day=day, kwh=kwh)
    days = book.json("--by", "day")["groups"]
    assert [d["key"]["day"] for d in days] == ["2025-03-01", "2025-03-02", "2025-03-08"]
    browser.open(book.html("--by", "job,day"))
    bars = browser.js("const svg = document.querySelector('svg[aria-labelledby=energy-by-day]');"
                      "return Array.from(svg.querySelectorAll('rect.energy')).map(r => [r.x.baseVal.value, r.height.baseVal.value])")
    assert len(bars) == 3
    most = days[0]["energy_j"]["total"]
    assert [h / bars[0][1] for _, h in bars] == pytest.approx([d["energy_j"]["total"] / most for d in days], rel=1e-3)
    assert (bars[2][0] - bars[0][0]) / (bars[1][0] - bars[0][0]) == pytest.approx(7, rel=1e-3)
    # Operational carbon stands on the axis and embodied on top of it.
    stacks = browser.js("const svg = document.querySelector('svg[aria-labelledby=carbon-by-day]'), box = r => r.getBoundingClientRect();"
                        "return ['operational', 'embodied'].map(c => Array.from(svg.querySelectorAll('rect.' + c)).map(r => [box(r).top,"
                        "box(r).bottom, box(r).height]))")
    for (top, _, height), (_, bottom, other), day in zip(*stacks, days):
        assert top == pytest.approx(bottom, abs=0.1)
        # a pixel is drawn to a hundredth; embodied is thin
        assert other / height == pytest.approx(day["carbon"]["embodied_g"] / day["carbon"]["operational_location_g"], rel=0.03)


def test_hostile_names_stay_text(book, browser):
    for i, name in enumerate(HOSTILE):
        book.add(name, kwh=100 - i, project=name, user="7")
    page = book.html("--by", "job,project,user")
    assert not re.search(rb"[\x00-\x09\x0b-\x1f\x7f]", page)
    page.decode()
    browser.open(page)
    with pytest.raises(NoAlertPresentException):
        browser.driver.switch_to.alert.text
    assert browser.js("return typeof window.ran") == "undefined"
    names = browser.js("return Array.from(document.querySelectorAll('tbody tr')).map(r => Array.from(r.querySelectorAll('bdi'))"
                       ".map(b => [b.textContent, b.title]))")
    assert len(names) == len(HOSTILE)
    for name, cells in zip(HOSTILE, names):
        whole = shown(name)
        assert [text for text, _ in cells[:2]] == [cells[0][0]] * 2
        text, title = cells[0]
        if len(whole.encode()) <= 67:
            assert text == whole and not title
        else:
            assert text.endswith("...") and whole.startswith(text[:-3]) and 60 <= len(text.encode()) <= 67 and title == whole
    assert browser.js("return document.querySelectorAll('script, img, iframe, object, embed, link, a, form, input, [href], [src]').length") == 0
    assert browser.js("return Array.from(document.querySelectorAll('*')).flatMap(e => e.getAttributeNames())"
                      ".filter(n => n.startsWith('on') || n == 'autofocus')") == []
    # A name of letters from right to left does not take the number behind it along.
    places = browser.js("return Array.from(document.querySelectorAll('svg svg text')).map(t => { const s = t.textContent;"
                        "return [s, Array.from({length: s.length}, (_, i) => t.getStartPositionOfChar(i).x)] })")
    text, x = next((t, x) for t, x in places if "\u05e9" in t)
    seven = text.rindex("7")
    assert seven > text.index("\u05e9") and x[seven] > max(x[:seven - 3])
    # Element for element, it is the page of harmless names.
    elements = browser.js(STRUCTURE)
    assert browser.asked_for() == [browser.address] and browser.server.requests == ["/page.html"] and browser.console() == []
    with book.db:
        for i, (job_id,) in enumerate(book.db.execute("SELECT job_id FROM jobs").fetchall()):
            book.db.execute("UPDATE jobs SET name = ? WHERE job_id = ?", (f"job-{i}", job_id))
        book.db.execute("UPDATE places SET project = 'project ' || place_id")
    browser.open(book.html("--by", "job,project,user"))
    assert browser.js(STRUCTURE) == elements


def test_nothing_is_fetched_and_nothing_runs(book, browser):
    book.add()
    page = book.html()
    for part in (rb"<script", rb"\bon\w+=", rb"url\(", rb"@import", rb"src=", rb"href="):
        assert not re.search(part, page), part
    browser.open(page)
    assert browser.asked_for() == [browser.address] and browser.server.requests == ["/page.html"] and browser.console() == []
    # Were there a hole, the page's own policy would still hold it.
    injected = (b"<script>document.title = 'ran'</script><script src=/beacon.js></script><img src=/beacon.png onerror=\"document.title ="
                b" 'ran'\"><iframe src=/beacon></iframe><link rel=stylesheet href=/beacon.css><style>main{background:url(/beacon.bg)}</style>")
    browser.open(page.replace(b"</main>", injected + b"</main>"))
    assert browser.driver.title == "Energy and carbon by phase"
    assert browser.server.requests == ["/page.html"]
    assert len([words for words in browser.console() if "Content Security Policy" in words]) >= 5


def test_it_prints_on_a4(book, browser):
    for i in range(12):
        book.add(f"job-{i}", kwh=1 + i, day=i)
    browser.open(book.html("--by", "job"))
    pdf = print_page(browser)
    assert pdf.startswith(b"%PDF-") and 1 <= pages_of(pdf) <= 2
    width, height = map(float, re.search(rb"/MediaBox\s*\[0 0 ([\d.]+) ([\d.]+)\]", pdf).groups())
    assert width == pytest.approx(595, abs=1) and height == pytest.approx(842, abs=1)
    for i in range(600):
        book.add(f"a longer name of a job {i:04}", kwh=0.5, day=i % 40)
    page = book.html("--by", "job,user,day")
    assert b"The first 500 of 612 groups" in page
    browser.open(page)
    assert 12 <= pages_of(print_page(browser)) <= 40
    # As wide as A4 without its margins, nothing is cut off at the right.
    browser.width(703, media="print")
    assert browser.js("return Math.max(document.documentElement.scrollWidth,"
                      "...Array.from(document.querySelectorAll('td, th, svg')).map(e => e.getBoundingClientRect().right))") <= 704
    # Dark screens print dark on light.
    lightness = "return getComputedStyle(document.body).backgroundColor.match(/\\d+/g).map(Number)[0]"
    browser.width(1200, dark=True)
    assert browser.js(lightness) < 64
    browser.width(703, media="print", dark=True)
    assert browser.js(lightness) == 255


@pytest.mark.parametrize("pixels", [1200, 400])
def test_it_fits_screens(book, browser, pixels):
    for i in range(3):
        book.add("W" * 255 if i else "job", kwh=1 + i, day=3 * i, project="M" * 255, gpu_model="W" * 90, node="n" * 60)
    browser.open(book.html("--by", "job,project,day,gpu,node"))
    browser.width(pixels)
    assert browser.js("return document.documentElement.scrollWidth") <= pixels  # the table scrolls within itself
    assert browser.js("const box = document.querySelector('.wide'); return box.scrollWidth > 0 && box.clientWidth") <= pixels
    # Words of charts can be read, and names do not run into amounts.
    texts = browser.js("return Array.from(document.querySelectorAll('figure > svg')).map(s => 12 * s.getBoundingClientRect().width /"
                       "s.viewBox.baseVal.width)")
    assert min(texts) >= 9
    gaps = browser.js("return Array.from(document.querySelectorAll('svg svg')).map(s => [getComputedStyle(s).overflow,"
                      "s.nextElementSibling.getBBox().x - s.x.baseVal.value - s.width.baseVal.value])")
    assert len(gaps) == 2 * 3 and all(overflow == "hidden" and gap > 0 for overflow, gap in gaps)


def test_it_is_html(book):
    """A strict parser takes it, also with all that may be in it."""
    for i in range(25):
        book.add(f"<{i}>&'\"", kwh=1 + i, day=i, market_g=5.0)
    book.add("killed", kwh=None, ended=0)
    parse = functools.partial(html5lib.HTMLParser(strict=True, namespaceHTMLElements=False).parse, likely_encoding=None)
    for options in ([], ["--by", "day"], ["--by", "job,day,user"], ["--from", "2030-01-01"], ["--to", "2025-03-05"]):
        tree = parse(book.html(*options))
        assert tree.get("lang") == "en-GB" and [m.get("charset") for m in tree.iter("meta")][0] == "utf-8"
        ids = [e.get("id") for e in tree.iter() if e.get("id")]
        assert len(ids) == len(set(ids))
        drawings = [e for e in tree.iter() if e.tag.endswith("svg") and e.get("viewBox")]
        assert all(e.get("role") == "img" and e[0].tag.endswith("title") and e[0].get("id") == e.get("aria-labelledby") and e[0].text
                   for e in drawings)
        assert all(th.get("scope") in ("col", "row") for th in tree.iter("th"))
        columns = {sum(int(c.get("colspan", 1)) for c in row) for row in tree.iter("tr")}
        assert len(columns) <= 1 and (drawings and columns or options[:1] == ["--from"])
    with pytest.raises(html5lib.html5parser.ParseError):
        parse(b"<!DOCTYPE html><html lang=en><title>x</title><p></b>")


def test_empty(wt, browser):
    done = wt.run("report", "--format", "html")
    assert done.returncode == 0
    browser.open(done.stdout.encode())
    assert "No runs in the ledger match." in browser.js("return document.body.innerText")
    assert browser.console() == []
