# SPDX-License-Identifier: Apache-2.0
"""For all tests: signals as a terminal would leave them, the markers, and which tests may be tried twice."""

import re
import signal

import pytest

# Where races are searched for, every failure counts.
NO_RERUN = re.compile(r"test_(kills|crash|attack|recur|ledger)[a-z_]*\.py$")


def pytest_configure(config):
    # Whoever runs the tests may ignore signals (nohup, a job in the background), and every command would inherit that.
    signal.signal(signal.SIGHUP, signal.SIG_DFL)
    signal.signal(signal.SIGQUIT, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    for marker in ("sanitized: loads nothing of ours into Python, so that it runs over a sanitized build",
                   "plain: takes long and goes ways that others of its file go too: once, unsanitized, is enough",
                   "no_rerun: a failure counts, though the test passes at a second try"):
        config.addinivalue_line("markers", marker)


def pytest_collection_modifyitems(config, items):
    for item in items:
        if NO_RERUN.search(item.path.name):
            item.add_marker(pytest.mark.no_rerun)
        if item.get_closest_marker("no_rerun") and config.pluginmanager.hasplugin("rerunfailures"):
            item.add_marker(pytest.mark.flaky(reruns=0))


def pytest_runtest_setup(item):
    # junit XML has the last try only; scripts/count-tests names the test by this.
    if getattr(item, "execution_count", 1) > 1:
        item.user_properties.append(("failed once", "yes"))
