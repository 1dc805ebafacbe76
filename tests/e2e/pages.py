# SPDX-License-Identifier: Apache-2.0
"""Helpers for tests of HTML pages: a real browser, ledgers of invented runs, hostile names, and numbers as pages show them."""

import base64
import http.server
import json
import os
import re
import shutil
import sqlite3
import threading

import pytest
from selenium import webdriver

CHROMIUM, DRIVER = shutil.which("chromium"), shutil.which("chromedriver")
DAY_MS = 86400000
MARCH_MS = 1740787200000  # 2025-03-01
UNITS = {"mWh": 3.6, "Wh": 3600, "kWh": 3.6e6, "MWh": 3.6e9, "GWh": 3.6e12,
         "ug": 1e-6, "mg": 1e-3, "g": 1, "kg": 1e3, "t": 1e6, "kt": 1e9}


class Server(http.server.ThreadingHTTPServer):
    """Serves the one page and notes each request."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            self.server.requests.append(self.path)
            found = self.path == "/page.html"
            self.send_response(200 if found else 404)
            self.send_header("Content-Type", "text/html")  # the page names its own character set
            self.end_headers()
            self.wfile.write(self.server.page if found else b"")

        def log_message(self, *words):
            pass

    def __init__(self):
        super().__init__(("127.0.0.1", 0), self.Handler)
        self.requests, self.page = [], b""
        threading.Thread(target=self.serve_forever, daemon=True).start()


class Browser:
    def __init__(self, profile):
        options = webdriver.ChromeOptions()
        options.binary_location = CHROMIUM
        for word in ("--headless=new", "--disable-gpu", "--disable-dev-shm-usage", f"--user-data-dir={profile}",
                     "--disable-background-networking", "--window-size=1200,900"):
            options.add_argument(word)
        if os.geteuid() == 0:
            options.add_argument("--no-sandbox")  # root's Chromium starts without it only
        options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
        self.driver = webdriver.Chrome(options=options, service=webdriver.ChromeService(DRIVER))
        self.server = Server()
        self.js = self.driver.execute_script
        self.cdp = self.driver.execute_cdp_cmd

    def open(self, page):
        self.driver.get("about:blank")
        self.driver.get_log("browser"), self.driver.get_log("performance")
        self.server.requests.clear()
        self.server.page = page
        self.address = f"http://127.0.0.1:{self.server.server_port}/page.html"
        self.driver.get(self.address)

    def asked_for(self):
        """Each address that the page, not the browser, wanted."""
        events = [json.loads(entry["message"])["message"] for entry in self.driver.get_log("performance")]
        return [e["params"]["request"]["url"] for e in events if e["method"] == "Network.requestWillBeSent"]

    def console(self):
        return [entry["message"] for entry in self.driver.get_log("browser")]

    def width(self, pixels, media="", dark=False):
        self.cdp("Emulation.setDeviceMetricsOverride", {"width": pixels, "height": 900, "deviceScaleFactor": 1, "mobile": False})
        self.cdp("Emulation.setEmulatedMedia", {"media": media, "features": [
            {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}]})

    def close(self):
        self.driver.quit()
        self.server.shutdown()
        self.server.server_close()


class Book:
    """A ledger of invented runs: copies of one real run, changed."""

    def __init__(self, wt, command):
        self.wt, self.command = wt, command
        done, _, _ = wt.train(wt.machine(), "--observe", train=("steps=5",))
        assert done.returncode == 0, done.stderr
        self.db = sqlite3.connect(wt.ledger)
        self.db.row_factory = sqlite3.Row
        self.run, self.place, self.factor = (dict(self.db.execute(f"SELECT * FROM {table}").fetchone())
                                             for table in ("trials", "places", "factors"))
        del self.run["trial_id"], self.place["place_id"], self.factor["factor_id"]
        self.db.execute("PRAGMA foreign_keys = ON")
        self.db.execute("DELETE FROM jobs")
        self.db.commit()
        self.db.row_factory = None

    def put(self, table, row):
        """The number of that row, which is made when it is new.  Texts may be bytes that are no UTF-8."""
        mark = lambda value: "CAST(? AS TEXT)" if isinstance(value, bytes) else "?"
        found = f"SELECT rowid FROM {table} WHERE " + " AND ".join(f"{key} IS {mark(value)}" for key, value in row.items())
        number = self.db.execute(found, list(row.values())).fetchone()
        if not number:
            self.db.execute(f"INSERT INTO {table} ({', '.join(row)}) VALUES ({', '.join(map(mark, row.values()))})", list(row.values()))
            number = self.db.execute(found, list(row.values())).fetchone()
        return number[0]

    def add(self, job="job", day=0, kwh=1.0, **changes):
        place, factor = ({key: changes.pop(key, value) for key, value in row.items()} for row in (self.place, self.factor))
        job_id = self.put("jobs", {"name": job, "created_ms": 1})
        (last,) = self.db.execute("SELECT count(*) FROM trials WHERE job_id = ?", (job_id,)).fetchone()
        joules = None if kwh is None else kwh * 3.6e6
        self.put("trials", self.run | {
            "job_id": job_id, "place_id": self.put("places", place), "factor_id": self.put("factors", factor),
            "recurrence": last + 1, "started_ms": MARCH_MS + day * DAY_MS, "time_s": 7200.0, "busy_s": 3600.0, "energy_j": joules,
            "operational_g": joules and joules / 3.6e6 * 1.1 * 481, "embodied_g": 57.0, "embodied_useful_g": 126.0} | changes)
        self.db.commit()

    def json(self, *options):
        done = self.wt.run(self.command, "--json", *options)
        assert done.returncode == 0 and not done.stderr, done.stderr
        return json.loads(done.stdout)

    def html(self, *options):
        done = self.wt.run(self.command, "--format", "html", *options)
        assert done.returncode == 0 and not done.stderr, done.stderr
        return done.stdout.encode()


def figures(node_value):
    """(text, number) of each <data> below the elements of a selector, by script."""
    return (f"Array.from({node_value}.querySelectorAll('data')).map(d => [d.textContent, Number(d.value)])")


def check_shown(text, value):
    """A page shows a number to four digits."""
    number, _, unit = text.partition(" ")
    assert float(number) * UNITS.get(unit, 1) == pytest.approx(value, rel=6e-4), text


def numbers_of(sums):
    """A row of the table, in its order; an unknown quantity has no number there."""
    carbon, saved = sums["carbon"], sums["savings"]
    numbers = [sums["runs"], sums["gpu_hours"], sums["busy_gpu_hours"], sums["energy_j"]["total"], sums["facility_energy_j"],
               carbon["operational_location_g"], carbon["operational_market_g"], carbon["embodied_g"], carbon["embodied_useful_g"],
               carbon["total_location_g"], saved["energy_j"], saved["energy_error_j"]]
    return [n for n in numbers if n is not None]


HOSTILE = ["<script>window.ran = 1; alert(1)</script>", "<img src=/beacon onerror='window.ran = 2; alert(2)'>", "</bdi></table></main><h1>",
           "\" onmouseover=\"alert(3)", "' autofocus onfocus='alert(4)", "</style><style>*{display:none}</style>", "&lt;b&gt;&#60;",
           "</title><svg onload=alert(5)>", "a\nb\r\tc", "\x1b[31mred", "\u202egnp.exe", "\u2066left\u2069 open", "\u05e9\u05dc\u05d5\u05dd 12",
           "javascript:alert(6)", "<!--", "--><![CDATA[", b"bad \xff\xfe utf-8 \xc3", "\U000e0041tag", "n" * 255, "W" * 255, "\u0301" * 100]


def shown(name):
    """The name as the page is to show it, whole."""
    text = name.decode(errors="surrogateescape") if isinstance(name, bytes) else name
    hidden = lambda c: (ord(c) < 32 or 0x7f <= ord(c) < 0xa0 or c in "\u202e\u2066\u2069" or 0xe0000 <= ord(c) < 0xe0080 or
                        0xdc80 <= ord(c) < 0xdd00)

    def as_shown(c):
        code = ord(c)
        if c in "\n\t\r":
            return {"\n": "\\n", "\t": "\\t", "\r": "\\r"}[c]
        return (f"\\x{code & 0xff:02x}" if code < 0x80 or 0xdc80 <= code < 0xdd00 else f"\\U{code:08x}" if code > 0xffff else
                f"\\u{code:04x}")
    return "".join(as_shown(c) if hidden(c) else c for c in text)


STRUCTURE = "return Array.from(document.querySelectorAll('*')).map(e => e.tagName)"


def pages_of(pdf):
    return len(re.findall(rb"/Type\s*/Page\b", pdf))


def print_page(browser):
    return base64.b64decode(browser.cdp("Page.printToPDF", {"preferCSSPageSize": True, "printBackground": False})["data"])
