# SPDX-License-Identifier: Apache-2.0
"""wattune fleet --format html in a real browser: its numbers are those of the JSON and add up, names stay text, nothing is run or
fetched, and it prints."""

import functools
import re
import time

import html5lib
import pytest
from selenium.common.exceptions import NoAlertPresentException

from pages import HOSTILE, MARCH_MS, STRUCTURE, Book, check_shown, figures, numbers_of, pages_of, print_page, shown
from test_fleet import start_watching

HOUR_MS = 3600000
SAVED = {"baseline": 250000, "energy_fraction": 0.8, "energy_fraction_error": 0.01, "time_fraction": 1.1}


class Fleet(Book):
    def watch(self, index=0, hours=1, name="V100", node="n1", uuid=None, begin=0, **changes):
        """Invented stretches of a watched GPU, an hour and 0.05 kWh each."""
        device = self.put("devices", {"kind": "gpu", "device_index": index, "uuid": uuid or f"GPU-{index}", "name": name})
        for hour in range(begin, begin + hours):
            begin_ms = MARCH_MS + hour * HOUR_MS
            row = {
                "device_id": device, "begin_ms": begin_ms, "end_ms": begin_ms + HOUR_MS, "node": node, "in_use": 0, "energy_j": 180000.0,
                "energy_error_j": 30.0, "source": "counter", "busy_s": 0.0, "factor_id": self.put("factors", self.factor),
                "intensity_g_per_kwh": 481.0, "operational_g": 26.0, "embodied_g": 14.0} | changes
            self.db.execute(f"INSERT INTO stretches ({', '.join(row)}) VALUES ({', '.join('?' * len(row))})", list(row.values()))
        self.db.commit()


@pytest.fixture
def book(wt):
    return Fleet(wt, "fleet")


def table(browser, name):
    """The rows of a table: the texts of their headings, their numbers, and their whole text."""
    return browser.js(f"return Array.from(document.querySelectorAll('[aria-labelledby={name}] tbody tr, [aria-labelledby={name}] tfoot tr'))"
                      f".map(r => [Array.from(r.querySelectorAll('th')).map(c => c.textContent), {figures('r')}, r.innerText])")


def cards(browser):
    """The figures by name: their numbers, checked against the page's."""
    found = {}
    for name, pairs in browser.js(f"return Array.from(document.querySelectorAll('dl > div')).map(d => "
                                  f"[d.querySelector('dt').textContent, {figures('d')}])"):
        assert name not in found
        for pair in pairs:
            check(*pair)
        found[name] = [value for _, value in pairs]
    return found


def check(text, value):
    """The page shows that number; percents have three digits."""
    if text.endswith(" %"):
        assert float(text[:-2]) / 100 == pytest.approx(value, rel=6e-3), text
    else:
        check_shown(text.removesuffix(" W"), value)


def values(pairs):
    return [value for _, value in pairs]


def known(*numbers):
    return [number for number in numbers if number is not None]


def lines_of(lines):
    """A row of the table of devices."""
    hours = lines["watched_gpu_hours"] - lines["unknown_gpu_hours"]
    overlap = [-lines["overlap_energy_j"]] if lines["overlap_energy_j"] else []
    return known(lines["watched_gpu_hours"], lines["unknown_gpu_hours"], lines["reserved_gpu_hours"] / hours,
                 lines["busy_gpu_hours"] / hours, lines["energy_j"], lines["energy_error_j"], lines["runs_energy_j"], *overlap,
                 lines["idle_energy_j"], lines["unattributed_energy_j"], lines["idle_operational_location_g"], lines["idle_embodied_g"])


def test_numbers_are_those_of_the_json(wt, book, browser):
    """Real runs under a real watch, of which two share a GPU, beside invented ones.  The tuned one chose the shortest time, so that
    energy is left to be saved."""
    machine = wt.machine("v100", "a40", name="watched", scale=10)
    machine.hold()
    watcher = start_watching(wt, machine)
    time.sleep(0.5)
    tuned = wt.start_training(machine, "--gpus", "0", "--search", "sweep", "--eta", "0", train=("steps=900",), job="tuned")
    beside = wt.start_training(machine, "--observe", "--gpus", "1", train=("steps=150", "gpu=1"), job="beside")
    time.sleep(0.5)
    other = wt.start_training(machine, "--observe", "--gpus", "1", train=("steps=100", "gpu=1"), job="other")
    assert beside.wait(60) == 0 and other.wait(60) == 0
    assert machine.client("train", "steps=50", "gpu=1").wait(60) == 0
    assert tuned.wait(120) == 0
    time.sleep(0.5)
    watcher.terminate()
    assert watcher.wait(20) == 0
    book.add("large", kwh=3, cpu_energy_j=720000.0, phase="training", project="vision", user="ada", market_g=12.5, **SAVED)
    book.add("large", kwh=1, day=1, phase="inference", project="vision", user="bob", gpu_model="H100")
    book.add("small", kwh=0.25, day=7, phase="experimentation", project="speech", user="ada", **SAVED)
    book.add("small", kwh=None, day=7, phase="data", project="speech", user="ada")
    book.add("killed", kwh=None, ended=0, time_s=None, busy_s=None, embodied_g=None, embodied_useful_g=None)
    options = ("--eta", "0.5", "--what-if", "intensity=30,pue=1.5,utilisation=0.9,lifetime=8,eta=1")
    found = book.json(*options)
    browser.open(book.html(*options))

    now, runs, watched, potential = found["now"], found["runs"], found["watched"], found["potential"]
    hours = watched["watched_gpu_hours"] - watched["unknown_gpu_hours"]
    shown_cards = cards(browser)
    carbon, saved = runs["carbon"], runs["savings"]
    beside_j = watched["idle_energy_j"] + watched["unattributed_energy_j"] - watched["overlap_energy_j"]
    assert shown_cards["Energy"] == pytest.approx(
        [now["energy_j"], runs["energy_j"]["gpu"], runs["energy_j"]["cpu"], runs["energy_j"]["total"], beside_j], rel=1e-6)
    assert shown_cards["Energy"][0] == pytest.approx(now["energy_j"], rel=1e-11)
    assert shown_cards["Energy of the facility"] == pytest.approx([now["facility_energy_j"]], rel=1e-11)
    assert shown_cards["Operational carbon, CO2e"] == pytest.approx(
        [now["operational_location_g"], carbon["operational_location_g"], now["operational_location_g"] - carbon["operational_location_g"],
         carbon["operational_market_g"]], rel=1e-6)
    assert shown_cards["Embodied carbon, CO2e"] == pytest.approx(
        [now["embodied_g"], carbon["embodied_g"], now["embodied_g"] - carbon["embodied_g"], now["embodied_useful_g"]], rel=1e-6)
    assert shown_cards["Saved energy"] == pytest.approx([saved[k] for k in ("energy_j", "energy_error_j", "carbon_g")], rel=1e-11)
    assert shown_cards["Runs"] == [8]

    # The size of the problem: sums over the jobs, by the JSON's groups.
    gpu_j = {job: sum(t["energy_j"]["gpu"] or 0 for t in found["tasks"] if t["key"]["job"] == job) for job in ("tuned", "large", "small", "beside", "other")}
    (tuned_job,) = [job for job in potential["jobs"] if job["job"] == "tuned"]
    others_j = sum(energy for job, energy in gpu_j.items() if job not in {j["job"] for j in potential["jobs"]})
    less_j = potential["energy_j"] - potential["energy_at_choice_j"]
    least_j = potential["energy_j"] - potential["energy_at_least_j"]
    assert potential["energy_j"] > 0 and least_j > 0
    assert shown_cards["Further saving available at eta 0.5"][:4] == pytest.approx(
        [less_j, less_j / now["energy_j"], less_j / potential["energy_j"], potential["energy_j"]], rel=1e-6, abs=1e-9)
    assert shown_cards["Largest saving available by limits"][:4] == pytest.approx(
        [least_j, least_j / now["energy_j"], least_j / potential["energy_j"], potential["energy_j"]], rel=1e-6)
    assert shown_cards["Without a usable profile"] == pytest.approx([others_j, others_j / now["energy_j"]], rel=1e-6)
    assert shown_cards["Saving so far"] == pytest.approx(
        [saved["energy_j"], saved["energy_error_j"], saved["energy_j"] / (saved["energy_j"] + now["energy_j"])], rel=1e-11)

    # The lines are the JSON's, and add up: in energy, and in hours.
    rows = table(browser, "lines")
    assert len(rows) == 5
    assert [row[1][2][1] for row in rows] == pytest.approx(
        [watched["runs_energy_j"], -watched["overlap_energy_j"], watched["idle_energy_j"], watched["unattributed_energy_j"],
         watched["energy_j"]], rel=1e-11)
    for column in (0, 1, 2):
        assert sum(row[1][column][1] for row in rows[:4]) == pytest.approx(rows[4][1][column][1], rel=1e-9)
    assert rows[4][1][0][1] == pytest.approx(hours, rel=1e-11) and rows[4][1][3][1] == pytest.approx(watched["energy_error_j"], rel=1e-11)
    assert watched["overlap_energy_j"] > 0 and watched["idle_energy_j"] > 0
    assert shown_cards["GPU hours watched"] == pytest.approx([watched["watched_gpu_hours"], watched["unknown_gpu_hours"]], rel=1e-11)
    assert shown_cards["Reserved by runs, GPU hours"] == pytest.approx([watched["reserved_gpu_hours"], watched["reserved_gpu_hours"] / hours],
                                                                       rel=1e-11)
    assert shown_cards["Busy, GPU hours"] == pytest.approx([watched["busy_gpu_hours"], watched["utilisation"]], rel=1e-11)
    assert shown_cards["Idle energy"] == pytest.approx([watched["idle_energy_j"], watched["idle_energy_j"] / watched["energy_j"]], rel=1e-11)
    assert shown_cards["Idle operational carbon, CO2e"][0] == pytest.approx(watched["idle_operational_location_g"], rel=1e-11)
    assert shown_cards["Idle embodied carbon, CO2e"][0] == pytest.approx(watched["idle_embodied_g"], rel=1e-11)
    devices = sorted(watched["devices"], key=lambda d: -d["energy_j"])
    rows = table(browser, "devices")
    assert len(rows) == 2 + 1
    for (keys, pairs, _), device in zip(rows, devices):
        assert keys[0] == f"{device['node']} GPU {device['index']}" and device["uuid"] in keys[1] and device["name"] in keys[1]
        assert values(pairs) == pytest.approx(lines_of(device), rel=1e-11)
    assert values(rows[2][1]) == pytest.approx(lines_of(watched), rel=1e-11)
    # Bars have the length of their energy: the sum of the counters is as long as the lines together.
    bars = browser.js("return Array.from(document.querySelectorAll('svg[aria-labelledby=lines-energy] rect')).map(r => "
                      "[r.getAttribute('class'), r.width.baseVal.value])")
    per_j = max(width for _, width in bars) / max(watched["energy_j"], watched["energy_j"] - min(0, watched["unattributed_energy_j"]))
    assert dict(bars)["counters"] == pytest.approx(watched["energy_j"] * per_j, rel=1e-3, abs=0.01)
    assert dict(bars)["idle"] == pytest.approx(watched["idle_energy_j"] * per_j, rel=1e-3, abs=0.01)

    # Groups and tasks.
    for name, key, of_json in (("phases", "phase", "phases"), ("gpus", "gpu", "gpus"), ("users", "user", "users"), ("projects", "project", "projects")):
        rows = table(browser, name)
        assert len(rows) == len(found[of_json]) + 1 and len(rows) > 2
        for (keys, pairs, _), group in zip(rows, found[of_json]):
            assert keys == [group["key"][key] or "unknown"]
            assert values(pairs) == pytest.approx(numbers_of(group), rel=1e-11)
        assert values(rows[-1][1]) == pytest.approx(numbers_of(runs), rel=1e-11)
    rows = {tuple(keys): values(pairs) for keys, pairs, _ in table(browser, "tasks")}
    for task in found["tasks"]:
        assert rows[task["key"]["job"], task["key"]["phase"]] == pytest.approx(numbers_of(task), rel=1e-11)
    assert len(rows) == len(found["tasks"]) + 2 + 1  # the sums of the two jobs with two phases, and of all
    assert rows["large", "all"][3] == pytest.approx(4 * 3.6e6 + 720000, rel=1e-9)
    rows = {keys[0]: values(pairs) for keys, pairs, _ in table(browser, "potentials")}
    assert sorted(rows) == sorted(job["job"] for job in potential["jobs"])
    assert rows["tuned"] == pytest.approx(
        [gpu_j["tuned"], tuned_job["power_limit_w"], tuned_job["chosen_power_limit_w"], tuned_job["chosen_energy_fraction"] - 1,
         gpu_j["tuned"] * (1 - tuned_job["chosen_energy_fraction"]), tuned_job["chosen_time_fraction"] - 1,
         tuned_job["least_energy_power_limit_w"], tuned_job["least_energy_fraction"] - 1,
         gpu_j["tuned"] * (1 - tuned_job["least_energy_fraction"]), tuned_job["least_energy_time_fraction"] - 1], rel=1e-6, abs=1e-9)

    # The rows of --what-if.
    then = found["what_if"]["then"]
    rows = table(browser, "what-if")
    for (_, pairs, _), key in zip(rows, ("energy_j", "facility_energy_j", "gpu_hours", "operational_location_g", "embodied_g", "embodied_useful_g")):
        assert values(pairs) == pytest.approx([now[key], then[key], then[key] / now[key] - 1], rel=1e-6, abs=1e-9)
        for pair in pairs[:2]:
            check(*pair)
    assert len(rows) == 6
    assert values(browser.js(f"return {figures('document.querySelector(`#assumptions`)')}")) == [30, 1.5, 0.9, 8, 1]
    text = browser.js("return document.body.innerText")
    for words in ("GPU energy is unknown for 2 of 8 runs", "killed", "Each run counts on the day it began.", "in 3 of 8 runs",
                  "the further saving available in", "assumed world average", "market-based figure is unknown for"):
        assert words in text, words


def test_days_stand_at_their_dates(book, browser):
    for day, kwh in ((0, 2.0), (0, 1.0), (1, 0.5), (7, 1.5)):
        book.add(f"job-{kwh}", day=day, kwh=kwh)
    browser.open(book.html())
    bars = browser.js("return Array.from(document.querySelectorAll('svg[aria-labelledby=energy-by-day] rect.energy'))"
                      ".map(r => [r.x.baseVal.value, r.height.baseVal.value])")
    assert [height / bars[0][1] for _, height in bars] == pytest.approx([1, 1 / 6, 1 / 2], rel=1e-3)
    assert (bars[2][0] - bars[0][0]) / (bars[1][0] - bars[0][0]) == pytest.approx(7, rel=1e-3)
    text = browser.js("return document.body.innerText")
    assert "Nobody watched the devices" in text and "wattune monitor --book" in text
    assert browser.js("return document.querySelectorAll('#lines, #devices, #what-if').length") == 0
    assert cards(browser)["Energy of idle GPUs"] == []


def test_a_period(book, browser):
    """Runs and watches of a time asked for, and only of that."""
    book.add("first", kwh=1)
    book.add("second", day=3, kwh=2)
    book.watch(hours=30)
    options = ("--from", "2025-03-02", "--to", "2025-03-10")
    found = book.json(*options)
    browser.open(book.html(*options))
    assert found["watched"]["watched_gpu_hours"] == pytest.approx(6) and found["runs"]["runs"] == 1
    shown_cards = cards(browser)
    assert shown_cards["GPU hours watched"] == pytest.approx([6, 0]) and shown_cards["Runs"] == [1]
    assert shown_cards["Energy"][0] == pytest.approx(7.2e6 + 6 * 180000)
    text = browser.js("return document.body.innerText")
    assert "Hours that began at or after 2025-03-02 00:00 UTC and before 2025-03-10 00:00 UTC" in text
    assert "Each run counts" not in text


def test_watches_without_runs(book, browser):
    book.watch(hours=10)
    book.watch(1, hours=2, energy_j=None, energy_error_j=None, operational_g=None)
    browser.open(book.html())
    shown_cards = cards(browser)
    assert shown_cards["Energy"] == pytest.approx([1.8e6, 1.8e6]) and shown_cards["GPU hours watched"] == pytest.approx([12, 2])
    assert shown_cards["Idle energy"] == pytest.approx([1.8e6, 1])
    (_, _, text) = table(browser, "devices")[1]
    assert text.count("unknown") >= 6
    assert "the energy of 2 of 12 GPU hours watched" in browser.js("return document.body.innerText")


def test_hostile_names_stay_text(book, browser):
    def fill(names):
        for i, name in enumerate(names):
            if not isinstance(name, bytes):
                book.watch(i, name=name, node=name, uuid=name, hours=1, energy_j=180000.0 - i)
            for phase in ("training", "inference"):
                book.add(name, kwh=100 - i, project=name, user=name, gpu_model=name, phase=phase)

    fill(HOSTILE)
    page = book.html()
    assert not re.search(rb"[\x00-\x09\x0b-\x1f\x7f]", page)
    page.decode()
    browser.open(page)
    with pytest.raises(NoAlertPresentException):
        browser.driver.switch_to.alert.text
    assert browser.js("return typeof window.ran") == "undefined"
    for name in ("users", "projects", "gpus"):
        cells = browser.js(f"return Array.from(document.querySelectorAll('[aria-labelledby={name}] tbody bdi')).map(b => [b.textContent, b.title])")
        assert len(cells) == 20
        for hostile, (text, title) in zip(HOSTILE, cells):
            whole = shown(hostile)
            if len(whole.encode()) <= 67:
                assert text == whole and not title
            else:
                assert text.endswith("...") and whole.startswith(text[:-3]) and title == whole
    assert "1 more" in table(browser, "users")[20][0][0]
    assert browser.js("return document.querySelectorAll('script, img, iframe, object, embed, link, a, form, input, [href], [src]').length") == 0
    assert browser.js("return Array.from(document.querySelectorAll('*')).flatMap(e => e.getAttributeNames())"
                      ".filter(n => n.startsWith('on') || n == 'autofocus')") == []
    assert browser.asked_for() == [browser.address] and browser.server.requests == ["/page.html"] and browser.console() == []
    # Element for element, it is the page of harmless names.
    elements = browser.js(STRUCTURE)
    with book.db:
        for table_name in ("stretches", "jobs", "places"):
            book.db.execute(f"DELETE FROM {table_name}")
        book.db.execute("DELETE FROM devices WHERE device_id NOT IN (SELECT device_id FROM measurements)")
    fill([f"name {i:02}" if not isinstance(name, bytes) else b"bytes" for i, name in enumerate(HOSTILE)])
    browser.open(book.html())
    assert browser.js(STRUCTURE) == elements


def test_nothing_is_fetched_and_nothing_runs(book, browser):
    book.add()
    book.watch()
    page = book.html("--what-if", "pue=1.2")
    for part in (rb"<script", rb"\bon\w+=", rb"url\(", rb"@import", rb"src=", rb"href="):
        assert not re.search(part, page), part
    browser.open(page)
    assert browser.driver.title == "Energy and carbon of the fleet"
    assert browser.asked_for() == [browser.address] and browser.server.requests == ["/page.html"] and browser.console() == []
    injected = b"<script>document.title = 'ran'</script><script src=/beacon.js></script><img src=/beacon.png>"
    browser.open(page.replace(b"</main>", injected + b"</main>"))
    assert browser.driver.title == "Energy and carbon of the fleet" and browser.server.requests == ["/page.html"]


def fill_wide(book, jobs):
    for i in range(jobs):
        book.add(f"a longer name of a job {i:04}", kwh=1000 + i, day=i, project=f"project {i}", user=f"user-{i}", gpu_model="NVIDIA A100-SXM4-80GB",
                 phase=("training", "inference", "data")[i % 3], market_g=5.0, **SAVED)
    for i in range(jobs):
        book.watch(i, hours=1, name="NVIDIA A100-SXM4-80GB", node=f"a-node-of-a-cluster-{i}", uuid=f"GPU-5e6b1c0a-8d1f-2f3e-9a77-0123456{i:05}",
                   energy_j=1.5e9)


WHAT_IF = ("--what-if", "intensity=30,pue=1.5,utilisation=0.9,lifetime=8,eta=1")


def test_it_prints_on_a4(book, browser):
    fill_wide(book, 130)
    page = book.html(*WHAT_IF)
    assert len(page) < 1000000
    browser.open(page)
    pdf = print_page(browser)
    assert pdf.startswith(b"%PDF-") and 4 <= pages_of(pdf) <= 16
    width, height = map(float, re.search(rb"/MediaBox\s*\[0 0 ([\d.]+) ([\d.]+)\]", pdf).groups())
    assert width == pytest.approx(595, abs=1) and height == pytest.approx(842, abs=1)
    assert len(table(browser, "tasks")) == 20 + 2 and len(table(browser, "devices")) == 100 + 2
    # As wide as A4 without its margins, nothing is cut off at the right.
    browser.width(703, media="print")
    assert browser.js("return Math.max(document.documentElement.scrollWidth,"
                      "...Array.from(document.querySelectorAll('td, th, svg')).map(e => e.getBoundingClientRect().right))") <= 704
    lightness = "return getComputedStyle(document.body).backgroundColor.match(/\\d+/g).map(Number)[0]"
    browser.width(1200, dark=True)
    assert browser.js(lightness) < 64
    browser.width(703, media="print", dark=True)
    assert browser.js(lightness) == 255


@pytest.mark.parametrize("pixels", [1200, 400])
def test_it_fits_screens(book, browser, pixels):
    for i in range(3):
        book.add("W" * 255 if i else "job", kwh=1 + i, day=3 * i, project="M" * 255, gpu_model="W" * 90, node="n" * 60)
    book.watch(hours=2, name="W" * 90, node="n" * 60)
    browser.open(book.html(*WHAT_IF))
    browser.width(pixels)
    assert browser.js("return document.documentElement.scrollWidth") <= pixels  # tables scroll within themselves
    assert browser.js("return Math.max(...Array.from(document.querySelectorAll('.wide')).map(b => b.clientWidth))") <= pixels
    texts = browser.js("return Array.from(document.querySelectorAll('figure > svg')).map(s => 12 * s.getBoundingClientRect().width /"
                       "s.viewBox.baseVal.width)")
    assert len(texts) == 6 and min(texts) >= 9


def test_it_is_html(book):
    """A strict parser takes it, also with all that may be in it."""
    for i in range(25):
        book.add(f"<{i}>&'\"", kwh=1 + i, day=i, market_g=5.0, user=f"<{i}>", phase=("training", "data")[i % 2])
        book.watch(i, hours=1)
    book.add("killed", kwh=None, ended=0)
    parse = functools.partial(html5lib.HTMLParser(strict=True, namespaceHTMLElements=False).parse, likely_encoding=None)
    for options in ([], WHAT_IF, ["--from", "2030-01-01"], ["--to", "2025-03-05"]):
        tree = parse(book.html(*options))
        ids = [e.get("id") for e in tree.iter() if e.get("id")]
        assert len(ids) == len(set(ids))
        labels = {e.get("aria-labelledby") for e in tree.iter() if e.get("aria-labelledby")}
        assert labels <= set(ids)
        drawings = [e for e in tree.iter() if e.tag.endswith("svg") and e.get("viewBox")]
        assert all(e.get("role") == "img" and e[0].tag.endswith("title") and e[0].text for e in drawings)
        assert all(th.get("scope") in ("col", "row") for th in tree.iter("th"))
        for one in tree.iter("table"):
            assert len({sum(int(c.get("colspan", 1)) for c in row) for row in one.iter("tr")}) == 1
        assert (len(drawings) == 6) == (options[:1] != ["--from"])


def test_empty(wt, browser):
    done = wt.run("fleet", "--format", "html")
    assert done.returncode == 0
    browser.open(done.stdout.encode())
    assert "No runs and no watched devices in the ledger match." in browser.js("return document.body.innerText")
    assert browser.console() == []
