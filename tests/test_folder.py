"""Folder data from end to end: prepare, doctor, train, evaluate with object scores."""

import json
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest

pytestmark = pytest.mark.slow

BIN = Path(sys.executable).parent


def command(*args, cwd) -> subprocess.CompletedProcess:
    return subprocess.run([str(a) for a in args], cwd=cwd, capture_output=True, text=True, timeout=600)


@pytest.fixture(scope="module")
def original(tmp_path_factory) -> Path:
    "Bright discs in the layout of the 2018 Data Science Bowl, images of two sizes."
    folder, rng = tmp_path_factory.mktemp("nuclei") / "original", np.random.default_rng(0)
    for i in range(8):
        shape = (64, 64) if i % 2 else (64, 80)
        image = rng.normal(60, 8, (*shape, 3))
        for part in ("images", "masks"):
            (folder / f"n{i}" / part).mkdir(parents=True)
        for k in range(3):
            mask = cv2.circle(np.zeros(shape, np.uint8), (12 + 20 * k, int(rng.integers(12, 52))), 7, 255, -1)
            image[mask > 0] += 90
            cv2.imwrite(str(folder / f"n{i}/masks/{k}.png"), mask)
        cv2.imwrite(str(folder / f"n{i}/images/n{i}.png"), image.clip(0, 255).astype(np.uint8))
    return folder


def test_from_the_original_to_object_scores(original, tmp_path):
    done = command(
        BIN / "unet_nb",
        "run",
        "prepare",
        "-p",
        "dataset",
        "Cell_nuclei",
        "-p",
        "source_path",
        original,
        "-p",
        "data_path",
        "ready",
        "-p",
        "num_channels",
        3,
        cwd=tmp_path,
    )
    assert done.returncode == 0, done.stderr
    assert json.loads((Path(done.stdout.splitlines()[-1]) / "metrics.json").read_text())["nuclei"]["written"] == 8

    done = command(BIN / "unet_nb", "doctor", "ready", "--fix-into", "fixed", cwd=tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    assert cv2.imread(str(tmp_path / "fixed/n1/mask.png"), cv2.IMREAD_UNCHANGED).max() == 1

    done = command(
        BIN / "unet_nb",
        "run",
        "train",
        "-f",
        "nuclei_fast",
        "-p",
        "model_name",
        "unet_nested",
        "-p",
        "data_path",
        "ready",
        "-p",
        "crop_size",
        "[32, 32]",
        "-p",
        "depth",
        2,
        "-p",
        "base_channels",
        8,
        "-p",
        "foreground_crops",
        0.5,
        "-p",
        "augment",
        "none",
        "-p",
        "lr",
        0.01,
        "-p",
        "epochs",
        60,
        "-p",
        "repeat",
        60,
        "-p",
        "batch_size",
        4,
        cwd=tmp_path,
    )
    assert done.returncode == 0, done.stderr
    run = Path(done.stdout.splitlines()[-1])
    metrics = json.loads((run / "metrics.json").read_text())
    assert metrics["objects"]["mean"]["truth_objects"] == 3 and metrics["foreground_iou"] > 0.5

    done = command(BIN / "unet_nb", "run", "evaluate", "-p", "checkpoint_file_path", run, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    levels = json.loads((Path(done.stdout.splitlines()[-1]) / "metrics.json").read_text())["levels"]
    assert [row["level"] for row in levels] == [1, 2] and levels[0]["parameters"] < levels[1]["parameters"]


def test_the_doctor_finds_what_is_wrong_and_exits_so(original, tmp_path):
    mask = np.zeros((16, 16), np.uint8)
    mask[:4] = 7
    for name, values in (("images/a.png", mask), ("masks/a.png", mask), ("images/b.png", mask)):
        (tmp_path / "broken" / name).parent.mkdir(parents=True, exist_ok=True)
        cv2.imwrite(str(tmp_path / "broken" / name), values)
    done = command(BIN / "unet_nb", "doctor", "broken", cwd=tmp_path)
    assert done.returncode == 1 and "missing-mask" in done.stdout and "Traceback" not in done.stderr
    done = command(
        BIN / "unet_nb", "run", "train", "-p", "dataset", "folder", "-p", "data_path", "broken", cwd=tmp_path
    )
    assert done.returncode == 1 and "Traceback" not in done.stderr and "mask" in done.stderr
