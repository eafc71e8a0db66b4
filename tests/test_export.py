"""A checkpoint leaves the house: export, the same scores from the file, and a predictor that needs no MindSpore."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import onnx
import pandas as pd
import pytest

pytestmark = pytest.mark.slow

ROOT = Path(__file__).resolve().parent.parent
BIN = Path(sys.executable).parent
HEAVY = ["mindspore", "pydantic", "pandas", "onnx", "yaml", "scipy", "skimage", "matplotlib", "papermill", "click"]


def command(*args, cwd) -> subprocess.CompletedProcess:
    return subprocess.run([str(a) for a in args], cwd=cwd, capture_output=True, text=True, timeout=600)


def metrics(run: Path) -> dict:
    return json.loads((run / "metrics.json").read_text())


@pytest.fixture(scope="module")
def expected(trained) -> dict:
    from unet_nb.runs.checkpoint import config_for_checkpoint
    from unet_nb.runs.folder import start_run
    from unet_nb.training.evaluate import evaluate_checkpoint

    cfg, checkpoint = config_for_checkpoint({"checkpoint_file_path": str(trained), "output_path": str(trained.parent)})
    return evaluate_checkpoint(cfg, checkpoint, start_run(cfg, "evaluate")).metrics


@pytest.fixture(scope="module")
def exported(trained) -> Path:
    done = command(BIN / "unet_nb", "export", "-p", "file_format", "ONNX", "--report", cwd=trained.parent.parent)
    assert done.returncode == 0, done.stderr
    assert "ONNX int8" in done.stdout and "dice_change" in done.stdout
    return Path(done.stdout.splitlines()[-1]) / "unet.onnx"


def test_the_export_explains_itself(exported):
    assert {p.name for p in exported.parent.iterdir()} == {
        "params.yaml",
        "env.json",
        "log.txt",
        "metrics.json",
        "parity.json",
        "report.csv",
        "report.html",
        "status.json",
        "unet.onnx",
        "variants",
        "export.ipynb",
    }
    assert json.loads((exported.parent / "status.json").read_text())["state"] == "done"
    rows = json.loads((exported.parent / "parity.json").read_text())
    assert len({tuple(row["shape"]) for row in rows}) == 3 and max(row["difference"] for row in rows) <= 1e-5
    model = onnx.load(exported)
    onnx.checker.check_model(model, full_check=True)
    assert [d.dim_param or d.dim_value for d in model.graph.input[0].type.tensor_type.shape.dim] == [
        "batch",
        1,
        "height",
        "width",
    ]
    assert model.opset_import[0].version >= 17 and "BatchNormalization" not in {
        node.op_type for node in model.graph.node
    }
    assert str(exported.parent.parent) not in model.metadata_props[0].value, (
        "the file tells others where its author keeps files"
    )


def test_the_variants_are_valid_and_their_errors_are_told(exported):
    """Valid as files on disk, sorted, so that readers stricter than ONNX Runtime take them too."""
    import cv2

    files = sorted((exported.parent / "variants").glob("*.onnx"))
    assert [f.name for f in files] == ["unet.onnx", "unet_fp16.onnx", "unet_int8.onnx"]
    for file in files:
        onnx.checker.check_model(str(file), full_check=True)
        net = cv2.dnn.readNetFromONNX(str(file))
        net.setInput(np.zeros((1, 1, 64, 96), np.float32))
        assert net.forward().shape == (1, 64, 96, 2)
    table = pd.read_csv(exported.parent / "report.csv", index_col="variant")
    assert table.loc[["MINDIR", "ONNX"], "largest_difference"].max() <= 1e-5
    assert table.largest_difference[["ONNX float16", "ONNX int8"]].between(1e-6, 1).all()
    assert table.changed_pixels.between(0, 1).all() and table.changed_pixels["checkpoint"] == 0


def test_onnx_gives_the_scores_of_the_checkpoint(exported, expected):
    done = command(BIN / "unet_nb", "run", "infer_onnx", cwd=exported.parent.parent.parent)
    assert done.returncode == 0, done.stderr
    assert "============== Cross valid dice coeff is: " in done.stdout and "CPUExecutionProvider" in done.stdout
    found = metrics(Path(done.stdout.splitlines()[-1]))
    for key in ("dice_coeff", "iou", "mean_iou"):
        assert found[key] == pytest.approx(expected[key], abs=1e-5)


def test_mindir_gives_the_scores_of_the_checkpoint(trained, expected, tmp_path):
    done = command(
        BIN / "unet_nb",
        "run",
        "export",
        "-p",
        "checkpoint_file_path",
        trained,
        "-p",
        "file_name",
        "cells",
        "-p",
        "height",
        64,
        "-p",
        "width",
        64,
        cwd=tmp_path,
    )
    assert done.returncode == 0, done.stderr
    file = Path(done.stdout.splitlines()[-1]) / "cells.mindir"
    done = command(
        BIN / "papermill",
        ROOT / "nbs/run/infer_mindir.ipynb",
        "out.ipynb",
        "-p",
        "model_file",
        file.parent,
        "-p",
        "rst_path",
        tmp_path / "outputs",
        "-k",
        "python3",
        cwd=tmp_path,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    run = max(tmp_path.glob("runs/*infer_mindir*"))
    assert (
        len(list((tmp_path / "outputs").glob("*_0.bin"))) == len(list((run / "preprocess_Result").glob("*.bin"))) == 1
    )
    for key in ("dice_coeff", "iou", "mean_iou"):
        assert metrics(run)[key] == pytest.approx(expected[key], abs=1e-5)


@pytest.mark.parametrize(
    "args, sentence",
    [
        (["-p", "file_format", "AIR"], "AIR is written by the Ascend libraries only"),
        (["-p", "height", "70"], "needs sides divisible by 8"),
    ],
)
def test_an_export_that_cannot_work_gets_a_sentence(args, sentence, trained, tmp_path):
    done = command(BIN / "unet_nb", "run", "export", "-p", "checkpoint_file_path", trained, *args, cwd=tmp_path)
    assert done.returncode == 1 and sentence in done.stderr and "Traceback" not in done.stderr
    assert not list(tmp_path.rglob("*.mindir")) + list(tmp_path.rglob("*.air"))


def test_the_predictor_needs_no_mindspore(exported, tmp_path):
    """An interpreter that refuses to import what a recipient of the file does not have."""
    import cv2

    from unet_nb.data.demo import demo_set
    from unet_nb.inference.predictor import OnnxPredictor

    image = demo_set(5, 128)[0].image[:100, :91]
    cv2.imwrite(str(tmp_path / "image.png"), image)
    code = f"""import runpy, sys
class Refuse:
    def find_spec(self, name, *rest):
        if name.split(".")[0] in {HEAVY}: raise ImportError(f"{{name}} is not installed here")
sys.meta_path.insert(0, Refuse())
sys.argv[1:] = [{str(exported)!r}, "image.png", "-o", "mask.png"]
runpy.run_module("unet_nb.onnx_infer", run_name="__main__")"""
    done = command(sys.executable, "-c", code, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "100 × 91 pixels, membrane" in done.stdout and "CPUExecutionProvider" in done.stdout
    np.testing.assert_array_equal(
        cv2.imread(str(tmp_path / "mask.png"), cv2.IMREAD_UNCHANGED), OnnxPredictor(exported).mask(image)
    )


@pytest.mark.parametrize(
    "damage, sentence",
    [
        (lambda data: data[: len(data) // 2], "damaged, cut off or something else"),
        (lambda data: b"lr: 1", "damaged, cut off or something else"),
        (lambda data: data.replace(b"unet_nb\x12", b"unet_mb\x12"), "does not say how images are prepared"),
        (lambda data: data.replace(b'{"schema": 1,', b'{"schema": 9,'), "has the schema 9"),
        (lambda data: data.replace(b'"channels": 1,', b'"channels": 3,'), "must read one float32 tensor (N, 3, H, W)"),
        (None, "model not found"),
    ],
)
def test_a_damaged_file_gets_a_sentence(damage, sentence, exported, tmp_path):
    if damage:
        (tmp_path / "bad.onnx").write_bytes(damage(exported.read_bytes()))
    done = command(sys.executable, "-m", "unet_nb.onnx_infer", "bad.onnx", "image.png", "-o", "mask.png", cwd=tmp_path)
    assert done.returncode == 1 and sentence in done.stderr and "Traceback" not in done.stderr
    assert not (tmp_path / "mask.png").exists()
