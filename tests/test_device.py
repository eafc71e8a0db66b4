"""What the machine has: `unet_nb env`, a device that is not there, and the operators of a training step."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import nbformat
import pandas as pd
import pytest

pytestmark = pytest.mark.slow

BIN = Path(sys.executable).parent
SMALL = {
    "base_channels": 8,
    "depth": 1,
    "demo_slices": 5,
    "demo_size": 64,
    "crop_size": "[32, 32]",
    "batch_size": 2,
    "epochs": 2,
    "repeat": 2,
}


def command(*args, cwd, **env) -> subprocess.CompletedProcess:
    return subprocess.run(
        [str(a) for a in args], cwd=cwd, capture_output=True, text=True, env={**os.environ, **env}, timeout=300
    )


def test_env_says_what_is_there(tmp_path):
    done = command(BIN / "unet_nb", "env", cwd=tmp_path)
    assert done.returncode == 0 and "CPU: no library is missing" in done.stdout and "ONEDNN_MAX_CPU_ISA" in done.stdout
    found = json.loads(command(BIN / "unet_nb", "env", "--json", cwd=tmp_path).stdout)
    assert found["packages"]["mindspore"].startswith("2.") and set(found["devices"]) == {"CPU", "GPU", "Ascend"}
    for device, state in found["devices"].items():
        assert state["usable"] == (state["lacks"] is None), device


@pytest.mark.parametrize("device, words", [("GPU", "pip install"), ("Ascend", "CANN")])
def test_a_device_that_is_not_there_is_refused_before_a_run_begins(device, words, tmp_path):
    from unet_nb.runtime.device import lacks

    if lacks(device) is None:
        pytest.skip(f"this machine has the libraries of {device}")
    done = command(BIN / "unet_nb", "run", "train", "-p", "device_target", device, cwd=tmp_path)
    assert (
        done.returncode == 1
        and f"{device} cannot be used here" in done.stderr
        and words in done.stderr
        and not list(tmp_path.iterdir())
    )


def test_a_library_that_the_loader_finds_is_no_longer_asked_for(tmp_path):
    from unet_nb.runtime.device import missing_libraries, plugins

    names = missing_libraries(plugins("GPU")[-1])
    if not any(name.startswith("libcufft") for name in names):
        pytest.skip("this machine has CUDA's libraries")
    any_library = next(Path(sys.prefix, "lib").rglob("*.so"))
    wanted = next(name for name in names if name.startswith("libcufft"))
    shutil.copy(any_library, tmp_path / wanted)
    found = json.loads(command(BIN / "unet_nb", "env", "--json", cwd=tmp_path, LD_LIBRARY_PATH=str(tmp_path)).stdout)
    words = found["devices"]["GPU"]["lacks"]
    assert wanted not in words and "nvidia-cufft-cu11" not in words and "nvidia-cublas-cu11" in words


def test_profiling_ends_in_a_table_of_operators(tmp_path):
    args = [text for name, value in SMALL.items() for text in ("-p", name, value)]
    done = command(
        BIN / "unet_nb", "run", "train", *args, "-p", "enable_profiling", True, "-p", "profile_steps", 2, cwd=tmp_path
    )
    assert done.returncode == 0, done.stderr
    run = Path(done.stdout.splitlines()[-1])
    table = pd.read_csv(run / "profile" / "operators.csv")
    assert (
        {"Conv2D", "Conv2DBackpropFilter"} <= set(table.operator)
        and abs(table.share.sum() - 1) < 1e-3
        and table.ms.is_monotonic_decreasing
    )
    assert "profile: a step took" in (run / "log.txt").read_text()
    shown = [
        o
        for c in nbformat.read(run / "train.ipynb", as_version=4).cells
        for o in c.get("outputs", [])
        if "Conv2DBackpropFilter" in str(o.get("data", {}).get("text/html", ""))
    ]
    assert shown, "the notebook does not show the table"
