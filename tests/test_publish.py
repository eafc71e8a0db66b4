"""Prediction of files, cross-validation and comparison, through the command."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import tifffile

pytestmark = pytest.mark.slow

BIN = Path(sys.executable).parent
TINY = {
    "base_channels": 8,
    "depth": 1,
    "demo_slices": 6,
    "demo_size": 64,
    "crop_size": "[32, 32]",
    "batch_size": 2,
    "epochs": 2,
    "repeat": 2,
    "num_folds": 2,
}


def command(*args, cwd) -> subprocess.CompletedProcess:
    return subprocess.run([str(a) for a in args], cwd=cwd, capture_output=True, text=True, timeout=600, env=os.environ)


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    here = tmp_path_factory.mktemp("publish")
    (here / "tiny.yaml").write_text("\n".join(f"{k}: {v}" for k, v in TINY.items()))
    return here


@pytest.fixture(scope="module")
def folds(folder) -> Path:
    done = command(
        BIN / "unet_nb", "run", "cross_validate", "-f", "tiny.yaml", "-p", "fold_scheme", "blocks", cwd=folder
    )
    assert done.returncode == 0, done.stderr
    return Path(done.stdout.splitlines()[-1])


def test_cross_validation_covers_every_image_once(folds):
    trained = [p for p in folds.parent.glob("*fold*") if (p / "metrics.json").exists()]
    held_out = [i for p in trained for i in json.loads((p / "split.json").read_text())["val"]]
    assert len(trained) == 2 and sorted(held_out) == [f"demo-{i:02d}" for i in range(6)]
    assert list(folds.glob("*.html")) and json.loads((folds / "status.json").read_text())["state"] == "done"


def test_finished_folds_are_not_repeated(folds, folder):
    before = {p: p.stat().st_mtime for p in folds.parent.glob("*fold*/metrics.json")}
    done = command(
        BIN / "unet_nb", "run", "cross_validate", "-f", "tiny.yaml", "-p", "fold_scheme", "blocks", cwd=folder
    )
    assert done.returncode == 0, done.stderr
    assert {p: p.stat().st_mtime for p in folds.parent.glob("*fold*/metrics.json")} == before


def test_runs_are_compared(trained, folder):
    from unet_nb.runs.folder import Run
    from unet_nb.training.fit import fit

    first = Run(shutil.copytree(trained, folder / "runs" / trained.name))
    again = fit(first.cfg.replace(seed=5, output_path=str(folder / "runs")))
    names = [run.path.name for run in (first, again)]
    done = command(BIN / "unet_nb", "run", "compare", "-p", "compare", json.dumps(names), cwd=folder)
    assert done.returncode == 0, done.stderr


def test_files_are_predicted(folds, folder):
    from unet_nb.data.demo import demo_set

    stack = np.stack([s.image for s in demo_set(6, 64, seed=0)])
    tifffile.imwrite(folder / "stack.tif", stack, photometric="minisblack")
    run = next(folds.parent.glob("*-fold*"))
    done = command(BIN / "unet_nb", "predict", run, "stack.tif", "-o", "out", "--challenge", cwd=folder)
    assert done.returncode == 0, done.stderr
    written = Path(done.stdout.splitlines()[-1])
    written = written if written.is_absolute() else folder / written
    challenge = tifffile.imread(written)
    assert (
        challenge.shape == stack.shape
        and challenge.dtype == np.float32
        and 0 <= challenge.min() <= challenge.max() <= 1
    )
    done = command(BIN / "unet_nb", "predict", "nowhere", "stack.tif", "-o", "out2", cwd=folder)
    assert done.returncode == 1 and "Traceback" not in done.stderr and "nowhere" in done.stderr
