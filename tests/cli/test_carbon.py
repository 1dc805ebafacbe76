# SPDX-License-Identifier: Apache-2.0
"""wattune carbon: the factors of carbon, from files, settings and a provider on this machine that may lie."""

import contextlib
import datetime
import http.server
import json
import re
import shutil
import ssl
import subprocess
import threading
import time

import pytest

pytestmark = pytest.mark.sanitized


def document(done):
    found = json.loads(done.stdout)
    assert found["schema_version"] == 1
    return found


def figures(done):
    return {row["name"]: row for row in document(done)["figures"]}


def test_nothing_is_guessed(wattune):
    found = document(wattune("carbon", "--json"))
    assert (found["location"], found["intensity_g_per_kwh"], found["intensity_source"]) == (None, 481, "assumed world average")
    rows = {row["name"]: row for row in found["figures"]}
    assert (rows["intensity_g_per_kwh"]["kind"], rows["intensity_g_per_kwh"]["year"]) == ("assumed", 2023)
    assert rows["most_24h_g_per_kwh"]["value"] is None
    assert (rows["pue"]["value"], rows["lifetime_years"]["value"], rows["utilisation"]["value"]) == (1.1, 4, 0.45)
    assert (rows["gpu_embodied_kg"]["value"], rows["gpu_embodied_kg"]["kind"]) == (2000, "assumed")
    assert rows["gpu_useful_g_per_hour"]["value"] == pytest.approx(126.8, abs=0.05)
    assert rows["cpu_reserved_g_per_hour"]["value"] == pytest.approx(28.5, abs=0.05)
    text = wattune("carbon").stdout
    assert re.search(r"^grid intensity +481 g/kWh +2023 +assumed world average$", text, re.M)
    assert "its largest in 24 h" in text and "unknown" in text


def test_location_and_settings(wattune):
    found = document(wattune("carbon", "--location", "fra", "--pue", "1.6", "--json"))
    assert (found["location"], found["intensity_g_per_kwh"]) == ("FRA", 56)
    assert found["intensity_source"].startswith("FRA: Our World in Data")
    wattune.write_config("location = POL\nlifetime_years = 3\nutilisation = 0.3\ncontract_g_per_kwh = 20\n")
    rows = figures(wattune("carbon", "--json", env={"WATTUNE_PUE": "1.6"}))
    assert rows["intensity_g_per_kwh"]["value"] == 662
    assert (rows["pue"]["source"], rows["pue"]["kind"], rows["pue"]["year"]) == ("WATTUNE_PUE", "environment", None)
    assert rows["lifetime_years"]["source"] == f"{wattune.config}:2"
    assert rows["gpu_useful_g_per_hour"]["value"] == pytest.approx(253.7, abs=0.05)
    assert (rows["contract_g_per_kwh"]["value"], rows["contract_fraction"]["value"]) == (20, 1)
    rows = figures(wattune("carbon", "--intensity", "30", "--json"))
    assert (rows["intensity_g_per_kwh"]["value"], rows["intensity_g_per_kwh"]["source"]) == (30, "given by --intensity")
    assert "kg/kWh?" in wattune("carbon", "--intensity", "0.381").stderr


@pytest.mark.parametrize("words, sentence", [
    (["--location", "DE"], '--location: there is no location "DE" in the table; similar: DEU (Germany)'),
    (["--location", "Sweden"], "similar: SWE (Sweden)"),
    (["--intensity", "-1"], '--intensity is a number from 0 to 5000, not "-1"'),
    (["--intensity", "nan"], "--intensity is a number from 0 to 5000"),
    (["--pue", "0.9"], '--pue is a number from 1 to 10, not "0.9"'),
    (["--system-gpus", "1.5"], "system_gpus is a whole number"),
    (["--at", "yesterday"], '--at is a time with Z or an offset, such as 2025-03-01T12:00:00Z, not "yesterday"'),
    (["DEU"], 'carbon takes no argument ("DEU")'),
    (["--intensity-file", "/nowhere.csv"], "--intensity-file: open /nowhere.csv: No such file or directory"),
    (["--provider-token", "geheim"], "there is no option --provider-token"),
])
def test_wrong_usage_is_one_sentence(wattune, words, sentence):
    done = wattune("carbon", *words, code=2)
    assert sentence in done.stderr and done.stderr.count("\n") == 1
    assert done.stdout == ""


def test_series(wattune, tmp_path):
    series = tmp_path / "grid.csv"
    series.write_text("time,g_per_kwh\n2025-03-01T10:00:00Z,250\n2025-03-01T11:00:00Z,270\n2025-03-01T13:00:00Z,90\n")
    at = lambda hour, *more: document(wattune("carbon", "--json", "--intensity-file", str(series), "--at",
                                              f"2025-03-01T{hour}Z", *more))
    found = at("11:59:59")
    assert (found["time"], found["intensity_g_per_kwh"]) == ("2025-03-01T11:59:59.000Z", 270)
    assert found["intensity_source"] == f"series {series}"
    found = at("12:00:00", "--location", "SWE")  # a gap: the next source, by name, and nothing in between
    assert found["intensity_g_per_kwh"] == 41
    assert found["figures"][0]["remark"] == f"the series {series} has no value for this hour"
    assert found["figures"][1]["value"] == 270  # the largest of 24 h
    text = wattune("carbon", "--intensity-file", str(series), "--at", "2025-03-01T12:00:00Z").stdout
    assert f"grid intensity: the series {series} has no value for this hour.\n" in text
    series.write_text("time,kg_per_kwh\n2025-03-01T10:00:00Z,0.25\n")
    assert f'{series}:1: the column "kg_per_kwh" is in another unit' in wattune("carbon", code=2, env={"WATTUNE_INTENSITY_FILE": str(series)}).stderr


def test_forecasts_are_said(wattune, tmp_path):
    series = tmp_path / "grid.csv"
    hour = datetime.datetime.now(datetime.timezone.utc).replace(minute=0, second=0, microsecond=0)
    times = [hour + datetime.timedelta(hours=k) for k in (-1, 0, 1, 2)]
    series.write_text("".join(f"{t.isoformat()},{100 + i}\n" for i, t in enumerate(times)))
    done = wattune("carbon", "--json", "--intensity-file", str(series))
    if datetime.datetime.now(datetime.timezone.utc) < times[2]:  # the hour has not turned meanwhile
        assert document(done)["intensity_g_per_kwh"] == 101
        assert "from line 3 on the times lie in the future: a forecast" in done.stderr
    done = wattune("carbon", "--json", "--intensity-file", str(series), "--at", times[3].isoformat())
    assert document(done)["intensity_source"] == f"series {series}, a forecast"


def test_own_tables(wattune, tmp_path):
    places, things = tmp_path / "places.csv", tmp_path / "things.csv"
    places.write_text("code,name,g_per_kwh,source,year\nUS-CA,California,210,ours,2024\n")
    things.write_text("name,kind,match,die_mm2,node_nm,fab_g_per_kwh,source,year\nGH100,gpu,H100,814,5,642,ours,2024\n")
    wattune.write_config(f"intensity_table = {places}\nembodied_table = {things}\n")
    assert document(wattune("carbon", "--location", "us-ca", "--json"))["intensity_g_per_kwh"] == 210
    row = figures(wattune("carbon", "--gpu", "NVIDIA H100 PCIe", "--json"))["gpu_embodied_kg"]
    assert row["value"] == pytest.approx(8.14 * (642 * 2.75 + (430 + 225) / 2 + 500) / 0.875 / 1000 + 0.15, rel=1e-9)
    assert row["devices"] == 1 and "estimated by ACT" in row["source"]
    tables = document(wattune("carbon", "--list", "--json"))
    assert tables["intensities"][0]["code"] == "US-CA" and len(tables["intensities"]) == 62
    assert tables["embodied"][0]["match"] == "H100"
    assert all(row["source"] and row["year"] for row in tables["intensities"] + tables["embodied"])
    text = wattune("carbon", "--list").stdout
    assert re.search(r"^DEU +Germany +381 +2023 ", text, re.M) and re.search(r"^GPU training system +gpu_system +2000 ", text, re.M)


def test_run_and_config_know_the_options(wattune):
    done = wattune("config", "--json", "--location", "DEU", "--contract-fraction", "0.5")
    values = {row["name"]: row["value"] for row in json.loads(done.stdout)["values"]}
    assert (values["location"], values["contract_fraction"], values["pue"]) == ("DEU", "0.5", "1.1")


# --- The provider


class Provider(http.server.BaseHTTPRequestHandler):
    """Answers as self.server.answer says; remembers the requests."""

    def do_GET(self):
        self.server.asked.append((self.path, self.headers.get("auth-token")))
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            self.server.answer(self)

    def log_message(self, *words):
        pass

    def say(self, body, status=200, **headers):
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body if isinstance(body, bytes) else json.dumps(body).encode())


@pytest.fixture
def provider(wattune):
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Provider)
    server.daemon_threads, server.asked = True, []
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    server.url = f"http://127.0.0.1:{server.server_port}"
    wattune.write_config(f"provider_url = {server.url}/\nprovider_zone = DE\nprovider_token = geheim\nlocation = DEU\n")
    yield server
    server.shutdown()
    server.server_close()


def now():
    return datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%dT%H:00:00.000Z")


def good(**more):
    return {"zone": "DE", "carbonIntensity": 302, "datetime": now(), "updatedAt": now(), "emissionFactorType": "lifecycle",
            "isEstimated": True, "estimationMethod": "X"} | more


def test_provider_is_asked_as_it_wants(wattune, provider):
    provider.answer = lambda handler: handler.say(good())
    done = wattune("carbon", "--json")
    row = figures(done)["intensity_g_per_kwh"]
    assert provider.asked == [("/v3/carbon-intensity/latest?zone=DE", "geheim")]
    assert (row["value"], row["kind"], row["remark"]) == (302, "provider", None)
    assert row["source"].startswith(f"provider {provider.url}/, zone DE, value of {now()[:11]}") and row["source"].endswith("estimated by it")
    assert "geheim" not in done.stdout + done.stderr + wattune("config").stdout + wattune("config", "--json").stdout
    # A source of higher precedence, or a time in the past, makes no request; --list needs no network.
    wattune("carbon", "--intensity", "7")
    wattune("carbon", "--at", "2025-03-01T12:00:00Z")
    wattune("carbon", "--list")
    assert len(provider.asked) == 1


def test_without_a_provider_nothing_is_asked(wattune, provider):
    wattune.write_config("location = DEU\nprovider_zone = DE\nprovider_token = geheim\n")
    assert document(wattune("carbon", "--json"))["intensity_g_per_kwh"] == 381
    assert provider.asked == []


LIES = {
    "negative": (good(carbonIntensity=-5), "-5 g/kWh is no grid's carbon intensity"),
    "absurd": (good(carbonIntensity=302000), "302000 g/kWh is no grid's carbon intensity"),
    "string": (good(carbonIntensity="302"), '"carbonIntensity" is no number'),
    "nothing": (good(carbonIntensity=None), '"carbonIntensity" is no number'),
    "nan": (b'{"zone":"DE","carbonIntensity":NaN,"datetime":"2025-03-01T12:00:00Z"}', "no JSON"),
    "zone": (good(zone="FR"), 'the answer is about zone "FR"'),
    "old": (good(datetime="2025-03-01T12:00:00.000Z"), "too old"),
    "future": (good(datetime="2099-03-01T12:00:00.000Z"), "lies in the future"),
    "escape": (good(zone="\x1b[2J"), 'zone "\\x1b[2J"'),
    "html": (b"<html>", "no JSON"),
    "empty": (b"", "no JSON"),
    "list": (b"[]", "no JSON object"),
}


@pytest.mark.parametrize("lie", LIES)
def test_lies_are_not_believed(wattune, provider, lie):
    body, words = LIES[lie]
    provider.answer = lambda handler: handler.say(body)
    done = wattune("carbon", "--json")
    row = figures(done)["intensity_g_per_kwh"]
    assert (row["value"], row["kind"]) == (381, "table")
    assert words in row["remark"] and row["remark"].startswith(f"{provider.url}/ is not believed: ")
    assert done.stderr.count("\n") == 1 and words in done.stderr and "\x1b" not in done.stderr


def redirect(handler):
    handler.say(b"", status=302, Location=handler.server.url + "/elsewhere")


def drip(handler):
    handler.send_response(200)
    handler.end_headers()
    for _ in range(60):
        handler.wfile.write(b" ")
        handler.wfile.flush()
        time.sleep(0.5)


TROUBLES = {
    "redirect": (redirect, "answers with a redirect (302), which is not followed"),
    "token": (lambda handler: handler.say(b"", status=401), "does not let us in (401); is the token right?"),
    "broken": (lambda handler: handler.say(b"", status=500), "answers with status 500"),
    "huge": (lambda handler: handler.say(b" " * 1000000), "answers with more than 65536 bytes"),
    "drip": (drip, "has not answered within 10 s"),
    "hang": (lambda handler: time.sleep(30), "has not answered within 10 s"),
    "cut": (lambda handler: handler.say(b"{", **{"Content-Length": "500"}), "fetch "),
}


@pytest.mark.parametrize("trouble", TROUBLES)
def test_troubles_are_one_sentence(wattune, provider, trouble):
    provider.answer, words = TROUBLES[trouble]
    begin = time.monotonic()
    done = wattune("carbon", "--json")
    assert time.monotonic() - begin < 20
    row = figures(done)["intensity_g_per_kwh"]
    assert (row["value"], row["kind"]) == (381, "table")
    assert words in row["remark"] and words in done.stderr and done.stderr.count("\n") == 1
    assert len(provider.asked) == 1  # nobody was sent elsewhere


def test_nobody_there(wattune, provider):
    provider.shutdown()
    provider.server_close()
    done = wattune("carbon", "--json")
    assert figures(done)["intensity_g_per_kwh"]["kind"] == "table"
    assert f"fetch {provider.url}/: " in done.stderr and done.stderr.count("\n") == 1


@pytest.mark.parametrize("url, zone, words", [
    ("http://example.org", "DE", "http://example.org would get a secret in the clear; it needs https://"),
    ("ftp://127.0.0.1", "DE", "ftp://127.0.0.1 is no address that begins with https:// or http://"),
    ("file:///etc/passwd", "DE", "is no address that begins with https:// or http://"),
    ("http://127.0.0.1.example.org", "DE", "would get a secret in the clear"),
    ("http://127.0.0.1:9", "DE&x=1", 'provider_zone is a word such as DE or US-CAL-CISO, not "DE&x=1"'),
])
def test_secrets_and_addresses(wattune, url, zone, words):
    wattune.write_config(f"provider_url = {url}\nprovider_zone = {zone}\nprovider_token = geheim\n")
    done = wattune("carbon", "--json")
    assert words in done.stderr and "geheim" not in done.stderr
    assert figures(done)["intensity_g_per_kwh"]["kind"] == "assumed"


def test_without_libcurl(wattune, provider, tmp_path):
    for name in ("libcurl.so.4", "libcurl-gnutls.so.4"):
        (tmp_path / name).write_text("no library")
    done = wattune("carbon", "--json", env={"LD_LIBRARY_PATH": str(tmp_path)})
    assert figures(done)["intensity_g_per_kwh"]["value"] == 381
    assert "fetching over HTTP needs libcurl (Debian: libcurl4)" in done.stderr and done.stderr.count("\n") == 1
    assert provider.asked == []


def test_a_proxy_does_not_see_the_token_for_this_machine(wattune, provider):
    provider.answer = lambda handler: handler.say(good())
    done = wattune("carbon", "--json", env={"http_proxy": "http://127.0.0.1:9", "ALL_PROXY": "http://127.0.0.1:9"})
    assert figures(done)["intensity_g_per_kwh"]["value"] == 302


def test_certificates_are_verified(wattune, tmp_path):
    if not shutil.which("openssl"):
        pytest.skip("no openssl to make a certificate with")
    key, certificate = tmp_path / "key", tmp_path / "certificate"
    subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", key, "-out", certificate, "-days", "2",
                    "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost"], capture_output=True, check=True)
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Provider)
    server.daemon_threads, server.asked, server.answer = True, [], lambda handler: handler.say(good())
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    wattune.write_config(f"provider_url = https://localhost:{server.server_port}\nprovider_zone = DE\nprovider_token = geheim\n")
    done = wattune("carbon", "--json")
    server.shutdown()
    server.server_close()
    assert server.asked == [] and figures(done)["intensity_g_per_kwh"]["kind"] == "assumed"
    assert "certificate" in done.stderr.lower()
