# SPDX-License-Identifier: Apache-2.0
"""Devices that misbehave under a run."""

import pytest

from conftest import errors


@pytest.fixture(autouse=True)
def faults_happen(wt):
    """Skips while the virtual GPU reads faults from machine files and does not act on them."""
    machine = wt.machine(name="probe", gpu0={"fault": "unsupported=nvmlDeviceGetTotalEnergyConsumption@0"})
    _, tried, _ = wt.train(machine, "--observe", train=("steps=5",), job="probe")
    if tried["energy_j"] is not None:
        pytest.skip("the virtual GPU does not act on faults")


@pytest.mark.parametrize("fault", ["lost@4", "energy_frozen@4", "energy_reset@4", "power_stuck@4", "limit_ignored@0",
                                   "no_permission@4", "enforced_w=150@0", "thermal@4", "unload@4", "fail_call=40@0",
                                   "unsupported=nvmlDeviceGetTotalEnergyConsumption@0",
                                   "unsupported=nvmlDeviceGetComputeRunningProcesses_v3@0"])
def test_fault(wt, fault):
    """Whatever the device does, the command runs to its end and its code is ours."""
    machine = wt.machine(gpu0={"fault": fault})
    done, tried, _ = wt.train(machine, "--power-limits", "250,200,150", train=("steps=250",))
    assert done.returncode == (0 if not fault.startswith(("lost", "unload")) else done.returncode)
    assert done.returncode in (0, 97), done.stderr   # 97: its GPU is gone, says the training
    assert errors(done) == [] or fault.startswith(("lost", "unload", "no_permission")), done.stderr
    assert tried is not None and tried["exit_code"] == done.returncode
    for key in ("energy_j", "time_s"):
        assert tried[key] is None or 0 < tried[key] < 1e6
    if fault.startswith("unsupported=nvmlDeviceGetTotal"):
        assert tried["energy_j"] is None
    if fault.startswith(("lost", "unload", "energy_reset")):
        assert "GPU 0" in done.stderr
    if fault.startswith("enforced"):
        throttled = {p["power_limit_w"]: p["throttled"] for p in tried["profile"]}
        assert throttled[250] and throttled[200] and not throttled[150]
    if fault.startswith("limit_ignored"):
        assert "not tuned" in done.stderr
    assert not machine.journal() or fault.startswith(("lost", "unload", "no_permission"))
