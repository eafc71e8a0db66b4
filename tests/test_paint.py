"""Painted labels train by the ordinary job, and unlabelled pixels teach nothing."""

import json
from pathlib import Path

import cv2
import numpy as np
import pytest
from click.testing import CliRunner

from unet_nb.cli.command import cli
from unet_nb.config.jobs import TrainConfig
from unet_nb.config.recipes import load_params
from unet_nb.data.demo import demo_set
from unet_nb.data.painter import SimulatedPainter, paint_share
from unet_nb.data.strokes import Strokes

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def painted(tmp_path_factory) -> Path:
    folder, images = tmp_path_factory.mktemp("painted"), demo_set(6, 96, seed=0)
    for sample in images:
        cv2.imwrite(str(folder / f"{sample.id}.png"), sample.image)
    paint_share(SimulatedPainter(seed=0), Strokes(folder), {s.id: s.mask for s in images}, 0.03, held_out=None)
    return folder


def test_papermill_trains_on_strokes(painted, tmp_path):
    values = {"data_path": painted, "dataset": "painted", "model_name": "unet_fast", "base_channels": 4}
    values |= {"crop_size": "[32, 32]", "batch_size": 2, "epochs": 4, "repeat": 2, "output_path": tmp_path / "runs"}
    given = [word for name, value in values.items() for word in ("-p", name, str(value))]
    done = CliRunner().invoke(cli, ["run", "train", *given])
    assert done.exit_code == 0, done.output
    run = next((tmp_path / "runs").iterdir())
    split, metrics = (json.loads((run / f"{name}.json").read_text()) for name in ("split", "metrics"))
    assert set(split["val"]) <= set(split["train"]) and len(split["train"]) == 5
    assert metrics["mean_dice"] is not None and "strokes/held_out/" in (run / "data_files.json").read_text()
    assert load_params(run / "params.yaml").dataset == "painted" and (run / "report.html").is_file()


@pytest.mark.parametrize("name", ["ce", "dice", "ce_dice", "focal", "tversky", "lovasz"])
def test_unlabelled_pixels_teach_nothing(name):
    import mindspore as ms

    from unet_nb.models.losses import create_loss

    rng = np.random.default_rng(0)
    logits, mask = rng.normal(size=(1, 2, 24, 24)).astype(np.float32), np.full((1, 24, 24), 255, np.int32)
    mask[0, 3:6, 2:20], mask[0, 12:15, 2:20] = 0, 1
    loss = create_loss(TrainConfig(loss=name))
    gradient = ms.grad(lambda x: loss(x, ms.Tensor(mask)))(ms.Tensor(logits)).asnumpy()
    assert not gradient[:, :, mask[0] == 255].any() and gradient[:, :, mask[0] < 2].any()


def test_nothing_labelled_is_no_loss():
    import mindspore as ms

    from unet_nb.models.losses import create_loss

    loss = create_loss(TrainConfig(loss="ce_dice"))
    logits = ms.Tensor(np.random.default_rng(0).normal(size=(1, 2, 8, 8)).astype(np.float32))
    assert abs(float(loss(logits, ms.Tensor(np.full((1, 8, 8), 255, np.int32))).asnumpy())) < 1e-6
