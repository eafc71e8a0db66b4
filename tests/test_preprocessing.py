"""What a network carries with it: files of earlier versions, and images that are not of 8 bits, all the way."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import tifffile
from conftest import SMALL

OLD = Path(__file__).parent / "fixtures/version_0_1"  # a run, its export, and what they answered in version 0.1


@pytest.fixture(scope="module")
def expected() -> dict[str, np.ndarray]:
    return dict(np.load(OLD / "expected.npz"))


def test_a_run_of_an_earlier_version_scores_as_it_did(expected, tmp_path):
    from unet_nb import load_predictor, load_split
    from unet_nb.inference.predict import predict_image
    from unet_nb.runs.checkpoint import config_for_checkpoint
    from unet_nb.training.evaluate import evaluate

    old = shutil.copytree(OLD / "run", tmp_path / "run")  # a prediction keeps the network's ONNX form in it
    predictor = load_predictor([old])
    assert predictor.cfg.scaling == "type"
    for name, image in (("eight", expected["image"]), ("sixteen", expected["deep"])):
        p = predict_image(predictor.forward, predictor.cfg, image)
        np.testing.assert_allclose(p[1], expected[name], atol=1e-6)
    told = json.loads((old / "metrics.json").read_text())
    last = old / "checkpoints/ckpt_unet_fast_adam-2_4.ckpt"
    cfg, _ = config_for_checkpoint({"checkpoint_file_path": str(last)})
    scores = evaluate(load_predictor([last]).forward, cfg, load_split(cfg)[1])
    for name in ("dice_coeff", "iou", "mean_dice", "mean_iou"):
        assert scores[name] == pytest.approx(told[name], abs=1e-6)


def test_an_onnx_file_of_an_earlier_version_answers_as_it_did(expected):
    from unet_nb import OnnxPredictor

    predictor = OnnxPredictor(OLD / "unet.onnx")
    assert predictor.preprocessing.scaling.to_json() == "type"
    for name, image in (("onnx_eight", expected["image"]), ("onnx_sixteen", expected["deep"])):
        np.testing.assert_allclose(predictor.predict(image)[1], expected[name], atol=1e-6)


def twelve_bits(image: np.ndarray) -> np.ndarray:
    return image.astype(np.uint16) * 16 + 7


@pytest.fixture(scope="module")
def camera(tmp_path_factory) -> tuple[Path, np.ndarray]:
    "A folder of images and masks, and a new image of the same kind beside it."
    from unet_nb.data.demo import make_demo

    folder = tmp_path_factory.mktemp("camera")
    images, labels = make_demo(5, 64)
    for kind, pages in (("images", twelve_bits(images)), ("masks", labels)):
        (folder / "set" / kind).mkdir(parents=True)
        for i, page in enumerate(pages):
            tifffile.imwrite(folder / "set" / kind / f"{i}.tif", page)
    new = twelve_bits(make_demo(1, 64, 9)[0][0])
    tifffile.imwrite(folder / "new.tif", new)
    return folder, new


@pytest.fixture(scope="module")
def trained(camera):
    "A network of those images, trained by a script, that was interrupted after an epoch and went on."
    from unet_nb import fit, load_params
    from unet_nb.runs.folder import start_run

    folder, _ = camera
    places = {"data_path": str(folder / "set"), "dataset": "folder", "output_path": str(folder)}
    cfg = load_params(**SMALL | places)
    run = start_run(cfg)

    def stop(trainer, loss):
        if trainer.epoch == 1:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fit(cfg, run, on_step=stop)
    return cfg, fit(cfg, run)


def weights(run) -> dict[str, bytes]:
    from unet_nb.runs.checkpoint import list_checkpoints, load_checkpoint

    return {n: p.asnumpy().tobytes() for n, p in load_checkpoint(list_checkpoints(run.checkpoints)[-1]).params.items()}


def test_the_command_and_a_script_that_was_interrupted_agree(trained, camera):
    from unet_nb.runs.folder import Run

    (cfg, run), (folder, _) = trained, camera
    said = json.loads((run.path / "preprocessing.json").read_text())
    assert said["scaling"]["by"] == "limits" and (run.figures / "values.png").is_file()
    params = [f"{name}={value}" for name, value in cfg.changed().items() if name != "output_path"]
    args = [word for param in params for word in ("-p", *param.split("=", 1))]
    command = [sys.executable, "-c", "from unet_nb.cli.command import main; main()", "run", "train", *args]
    done = subprocess.run([*command, "-p", "output_path", "byhand"], cwd=folder, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    other = Run(next((folder / "byhand").iterdir()))
    assert weights(other) == weights(run)
    assert json.loads((other.path / "preprocessing.json").read_text()) == said
    assert "becomes -1 … 1" in (other.path / "log.txt").read_text() and "Values in" in (
        other.path / "report.html"
    ).read_text(encoding="utf-8")


def test_checkpoint_onnx_and_mindir_answer_alike(trained, camera):
    from unet_nb import OnnxPredictor, export, load_predictor
    from unet_nb.exporting.infer import read_description
    from unet_nb.inference.predict import predict_image
    from unet_nb.runs.checkpoint import config_for_checkpoint
    from unet_nb.runs.folder import start_run

    (_, run), (folder, new) = trained, camera
    predictor, files = load_predictor([run.path]), {}
    for kind in ("ONNX", "MINDIR"):
        given = {"checkpoint_file_path": str(run.path), "file_format": kind, "output_path": str(folder)}
        cfg, checkpoint = config_for_checkpoint(given | {"height": 64, "width": 64}, "export")
        files[kind] = export(cfg, checkpoint, start_run(cfg, "export"))
    known = predictor.cfg.scaling
    assert known == checkpoint.scaling.to_json() == read_description(files["MINDIR"])["input"]["scaling"]
    onnx = OnnxPredictor(files["ONNX"])
    assert onnx.described["schema"] == 2 and onnx.preprocessing.scaling.to_json() == known
    p = predict_image(predictor.forward, predictor.cfg, new)
    np.testing.assert_allclose(onnx.predict(new), p, atol=1e-5)
    segment = [sys.executable, "-m", "unet_nb.onnx_infer", str(files["ONNX"])]
    env = os.environ | {"PYTHONPATH": str(Path(__file__).resolve().parent.parent)}

    def infer(image, *args):
        return subprocess.run([*segment, image, *args], cwd=folder, env=env, capture_output=True, text=True)

    assert infer("new.tif", "-o", "m.tif").returncode == 0
    sure = abs(p[1] - p[0]) > 1e-4
    np.testing.assert_array_equal(tifffile.imread(folder / "m.tif").squeeze()[sure], p.argmax(0)[sure])
    tifffile.imwrite(folder / "bytes.tif", np.zeros((64, 64), np.uint8))
    refused = infer("bytes.tif", "-o", "b.tif")
    assert refused.returncode == 1 and "--scaling image" in refused.stderr and not (folder / "b.tif").exists()
    assert infer("bytes.tif", "-o", "b.tif", "--scaling", "image").returncode == 0


def test_explore_notebooks_show_networks_of_other_values(trained, camera):
    "What the notebooks call on a run whose limits were found by the training, in the notebooks' order."
    from unet_nb.interactive.explore import explore_predictions, explore_runs, predict_held_out, predict_new
    from unet_nb.interactive.layers import explore_layers

    (_, run), (folder, _) = trained, camera
    told = json.loads((run.path / "metrics.json").read_text())
    _, found = predict_held_out(run)
    assert np.mean([q.scores["dice_coeff"] for q in found]) == pytest.approx(told["dice_coeff"], abs=1e-5)
    views = (
        explore_predictions(run),
        predict_new(run, folder / "new.tif", folder / "predicted"),
        explore_layers(run=run),
        explore_runs([run, run]),
    )
    assert all(view.png().startswith(b"\x89PNG") for view in views)
