"""Numbered objects from the command and from Python: tiles change nothing, and others read the files."""

from pathlib import Path

import numpy as np
import pandas as pd
import papermill
import pytest
import roifile
import tifffile
from click.testing import CliRunner
from shapely.geometry import shape

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def model(tmp_path_factory) -> Path:
    "A network for borders, not trained, whose last bias makes about half of its answers foreground."
    from unet_nb.config.jobs import TrainConfig
    from unet_nb.models.registry import create_model
    from unet_nb.runs.checkpoint import save_checkpoint
    from unet_nb.runtime.device import setup_device

    network = {"crop_size": [32, 32], "base_channels": 4, "depth": 1, "stem_factor": 2}
    cfg = TrainConfig(objects="border", object_min_size=4, object_neck=1.0, **network)
    setup_device(cfg)
    folder = tmp_path_factory.mktemp("model")
    return save_checkpoint(folder / "n.ckpt", create_model(cfg), state={"config": cfg.model_dump(), "epoch": 1})


def picture(height: int, width: int) -> np.ndarray:
    rng = np.random.default_rng(0)
    coarse = rng.integers(0, 255, (height // 8 + 1, width // 8 + 1)).repeat(8, 0).repeat(8, 1)
    return (coarse[:height, :width] // 2 + rng.integers(0, 120, (height, width))).astype(np.uint8)


def test_objects_do_not_depend_on_tiles(model):
    from unet_nb.inference.files import load_predictor
    from unet_nb.inference.object_files import predict_objects

    image = picture(150, 130)
    whole = predict_objects(load_predictor([model], 512), image)
    assert whole.count > 20
    for tile in (48, 64, 100):
        found = predict_objects(load_predictor([model], tile), image)
        differ = np.count_nonzero(found.labels != whole.labels)
        assert found.count == whole.count and differ == 0, f"tile {tile}: {differ} pixels"


def test_command_writes_what_others_read(model, tmp_path):
    from unet_nb.cli.command import cli

    image = picture(90, 110)
    options = {"resolution": (20000, 20000), "resolutionunit": "CENTIMETER"}  # 0.5 µm
    tifffile.imwrite(tmp_path / "a.tif", image, **options)
    done = CliRunner().invoke(
        cli, ["predict", str(model), str(tmp_path / "a.tif"), "-o", str(tmp_path / "o"), "--objects"]
    )
    assert done.exit_code == 0, done.output
    labels = tifffile.imread(tmp_path / "o/a_objects.tif")
    table = pd.read_csv(tmp_path / "o/a_objects.csv")
    assert labels.dtype == np.uint16 and table.number.tolist() == list(range(1, labels.max() + 1)) and len(table) > 10
    assert table.area.tolist() == np.bincount(labels.ravel())[1:].tolist()
    np.testing.assert_allclose(table.area_um2, table.area / 4)
    for n in table.number[:10]:  # by hand
        mine, row = labels == n, table.loc[n - 1]
        assert abs(row.integrated_intensity - image[mine].sum()) < 0.01 * mine.sum()
        assert abs(row.centroid_y - np.argwhere(mine)[:, 0].mean()) < 1e-3
        assert (row.bbox_top, row.bbox_right) == (np.argwhere(mine)[:, 0].min(), np.argwhere(mine)[:, 1].max() + 1)
    assert len(roifile.roiread(tmp_path / "o/a_RoiSet.zip")) == len(table)
    features = pd.read_json(tmp_path / "o/a.geojson")["features"]
    shapes = [shape(feature["geometry"]) for feature in features]
    assert all(s.is_valid for s in shapes) and [s.area for s in shapes] == table.area.tolist()
    again = CliRunner().invoke(
        cli, ["predict", str(model), str(tmp_path / "a.tif"), "-o", str(tmp_path / "o"), "--objects"]
    )
    assert "1 of 1 are finished already" in again.output
    wrong = CliRunner().invoke(
        cli, ["predict", str(model), str(tmp_path / "a.tif"), "-o", str(tmp_path / "p"), "--objects", "--color"]
    )
    assert wrong.exit_code != 0 and "color" in str(wrong.exception or wrong.output)


def test_the_exported_file_gives_the_same_objects(model, tmp_path):
    from unet_nb.inference.files import load_predictor
    from unet_nb.inference.object_files import predict_objects
    from unet_nb.inference.onnx_form import load_trained, onnx_form
    from unet_nb.inference.predictor import OnnxPredictor
    from unet_nb.runs.checkpoint import config_for_checkpoint

    image = picture(64, 80)
    expected = predict_objects(load_predictor([model]), image)
    cfg, checkpoint = config_for_checkpoint({"checkpoint_file_path": str(model)}, "export")
    exported = OnnxPredictor(onnx_form(cfg, load_trained(cfg, checkpoint), checkpoint))
    assert (exported.cfg.object_min_size, exported.cfg.object_neck) == (4, 1.0) and exported.classes == cfg.class_names
    np.testing.assert_array_equal(predict_objects(exported, image).labels, expected.labels)


def test_the_run_notebook_finds_objects(model, tmp_path):
    tifffile.imwrite(tmp_path / "a.tif", picture(90, 110))
    values = {"models": [str(model)], "images": str(tmp_path / "a.tif"), "objects_out": True}
    notebook, out = Path(__file__).resolve().parent.parent / "nbs/run/predict.ipynb", tmp_path / "predict.ipynb"
    values |= {"output_path": str(tmp_path / "runs"), "predictions": str(tmp_path / "o")}
    papermill.execute_notebook(str(notebook), str(out), values, kernel_name="python3", progress_bar=False)
    run = next((tmp_path / "runs").iterdir())
    counts, labels = pd.read_csv(run / "counts.csv"), tifffile.imread(tmp_path / "o/a_objects.tif")
    assert counts.objects.tolist() == [labels.max()] == [len(pd.read_csv(run / "objects.csv"))]
    assert (run / "figures/objects_a.png").is_file() and out.read_text().count("image/png") == 2
