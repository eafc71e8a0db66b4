"""Predictions of several processes: one writes at a time, and one that is killed leaves nothing that looks finished."""

import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import tifffile

COMMAND = Path(sys.executable).parent / "unet_nb"


def predict(*args, cwd: Path) -> subprocess.CompletedProcess:
    return subprocess.run([COMMAND, "predict", *map(str, args)], cwd=cwd, capture_output=True, text=True, timeout=240)


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    "Two untrained networks and a stack that takes long enough to be interrupted."
    from unet_nb.config.jobs import TrainConfig
    from unet_nb.models.registry import create_model
    from unet_nb.runs.checkpoint import save_checkpoint
    from unet_nb.runtime.device import setup_device

    folder, cfg = tmp_path_factory.mktemp("predict"), TrainConfig(base_channels=8, depth=1, crop_size=[64, 64])
    setup_device(cfg)
    for name in "ab":
        save_checkpoint(folder / f"{name}.ckpt", create_model(cfg), state={"config": cfg.model_dump()})
    tifffile.imwrite(
        folder / "stack.tif",
        np.random.default_rng(0).integers(0, 256, (4, 700, 700), dtype=np.uint8),
        photometric="minisblack",
        metadata={"axes": "ZYX"},
    )
    return folder


def begun(folder: Path, output: str) -> subprocess.Popen:
    "A prediction of the stack that stands still after its first bands."
    child = subprocess.Popen(
        [COMMAND, "predict", "a.ckpt", "stack.tif", "-o", output],
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    target = folder / output / "stack.tif" if "." not in output else folder / output
    deadline = time.monotonic() + 120
    while not target.with_name(f".{target.name}.state.json").is_file():
        assert child.poll() is None and time.monotonic() < deadline, child.communicate()
        time.sleep(0.01)
    child.send_signal(signal.SIGSTOP)  # it stays in the middle for as long as the test needs
    return child


@pytest.mark.parametrize("output", ["out", "single.tif"])
def test_one_process_writes_and_a_killed_one_does_not_block(folder, output):
    child = begun(folder, output)
    second = predict("b.ckpt", "stack.tif", "-o", output, cwd=folder)
    child.send_signal(signal.SIGKILL)
    child.wait()
    assert child.returncode == -signal.SIGKILL and second.returncode == 1
    assert f"process {child.pid} on" in second.stderr and "Traceback" not in second.stderr
    if output == "single.tif":  # half-grown by another network: begun again
        third = predict("b.ckpt", "stack.tif", "-o", output, cwd=folder)
        assert third.returncode == 0 and "goes on" not in third.stdout, third.stderr
        return
    again = predict("a.ckpt", "stack.tif", "-o", output, cwd=folder)
    assert again.returncode == 0 and "goes on after band" in again.stdout, again.stderr
    assert predict("a.ckpt", "stack.tif", "-o", "whole", cwd=folder).returncode == 0
    assert (folder / output / "stack.tif").read_bytes() == (folder / "whole" / "stack.tif").read_bytes()
    assert sorted(p.name for p in (folder / output).iterdir()) == ["prediction.json", "stack.tif"]


def test_the_choices_of_a_reader_on_the_command_line(folder):
    planes = np.random.default_rng(1).integers(0, 256, (3, 64, 64), dtype=np.uint8)
    tifffile.imwrite(folder / "planes.tif", planes, photometric="minisblack")
    refused = predict("a.ckpt", "planes.tif", "-o", "planes", cwd=folder)
    assert refused.returncode == 1 and "axes='ZYX'" in refused.stderr and "--reading axes=" in refused.stderr
    read = predict("a.ckpt", "planes.tif", "-o", "planes", "--reading", "axes=ZYX", "--overlay", cwd=folder)
    assert read.returncode == 0 and "class ids (0 membrane, 1 cell)" in read.stderr, read.stderr
    assert tifffile.imread(folder / "planes/planes.tif").shape == (3, 64, 64)
    assert tifffile.imread(folder / "planes/planes_overlay.tif").shape == (3, 64, 64, 3)
    wrong = predict("a.ckpt", "planes.tif", "-o", "planes", "--reading", "axis=ZYX", cwd=folder)
    assert wrong.returncode == 1 and "there is no choice 'axis'" in wrong.stderr


def test_a_single_output_may_be_written_anew_but_not_a_foreign_one(folder):
    for model in "aab":
        assert predict(f"{model}.ckpt", "stack.tif", "-o", "mask.tif", cwd=folder).returncode == 0
    (folder / "mask.tif").write_bytes(b"drawn by hand")
    refused = predict("a.ckpt", "stack.tif", "-o", "mask.tif", cwd=folder)
    assert refused.returncode == 1 and "was changed since unet_nb wrote it" in refused.stderr
    assert (folder / "mask.tif").read_bytes() == b"drawn by hand"
