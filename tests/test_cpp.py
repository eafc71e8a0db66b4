"""The C++ example gives the answers of `OnnxPredictor`; skipped without cmake, a compiler and OpenCV's headers."""

import os
import shutil
import subprocess
from pathlib import Path

import cv2
import numpy as np
import pytest
import tifffile

pytestmark = pytest.mark.slow

SOURCE = Path(__file__).resolve().parent.parent / "examples/cpp"
NATIVE, TILES = {}, {"tile": [128, 128]}
RESIZE = {"policy": "resize", "image_size": [64, 96], "crop": None}


def command(*args) -> subprocess.CompletedProcess:
    return subprocess.run([str(a) for a in args], capture_output=True, text=True, timeout=600)


@pytest.fixture(scope="module")
def program(tmp_path_factory) -> Path:
    compiler = os.environ.get("CXX") or next(filter(shutil.which, ("c++", "g++", "clang++")), None)
    missing = [what for what, found in (("cmake", shutil.which("cmake")), ("a C++ compiler", compiler)) if not found]
    if missing:
        pytest.skip(f"the C++ example needs {' and '.join(missing)}")
    build = tmp_path_factory.mktemp("cpp")
    done = command("cmake", "-S", SOURCE, "-B", build)
    if done.returncode and '"OpenCV"' in done.stderr:
        pytest.skip("the C++ example needs OpenCV's headers (Debian: libopencv-dev)")
    assert done.returncode == 0, done.stderr
    done = command("cmake", "--build", build)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "warning" not in done.stdout + done.stderr
    return build / "segment"


@pytest.fixture(scope="module")
def write(program, tmp_path_factory):
    "A function that writes the same small network with other words about sizes and classes, and returns the file."
    import mindspore as ms

    from unet_nb.config.jobs import ExportConfig
    from unet_nb.exporting.export import description, write_model
    from unet_nb.models.registry import create_model
    from unet_nb.runs.checkpoint import load_checkpoint, save_checkpoint

    folder = tmp_path_factory.mktemp("model")
    cfg = ExportConfig(
        base_channels=8,
        depth=1,
        num_channels=3,
        channel_order="BGR",
        crop_size=[64, 64],
        file_format="ONNX",
        scaling="type",
    )
    ms.set_seed(0)
    net = create_model(cfg).set_train(False)
    described = description(
        cfg, net, load_checkpoint(save_checkpoint(folder / "a.ckpt", net, state={"config": cfg.model_dump()}))
    )

    def write(**size) -> Path:
        changed = described | {
            "size": described["size"] | size,
            "classes": [{"name": "Häutchen", "color": [0, 0, 0]}, {"name": 'a "cell"', "color": [1, 1, 1]}],
        }
        write_model(cfg, net, changed, folder / "model.onnx")
        return folder / "model.onnx"

    return write


def picture(seed: int, *shape: int, dtype: str) -> np.ndarray:
    return (cv2.GaussianBlur(np.random.default_rng(seed).random(shape), (0, 0), 2) * np.iinfo(dtype).max).astype(dtype)


@pytest.mark.parametrize("size", [NATIVE, TILES, RESIZE], ids=["native", "tiles", "resize"])
@pytest.mark.parametrize(
    "name, image",
    [("a.png", picture(0, 100, 91, dtype="uint8")), ("b.tif", picture(1, 200, 150, 3, dtype="uint16"))],
    ids=["grey", "colour"],
)
def test_the_answers_of_the_python_predictor(program, write, size, name, image, tmp_path):
    from unet_nb.inference.predictor import OnnxPredictor

    model = write(**size)
    if image.ndim == 2:
        cv2.imwrite(str(tmp_path / name), image)
    else:
        tifffile.imwrite(
            tmp_path / name, image, photometric="rgb"
        )  # OpenCV packs with LZW, which tifffile alone does not read
    done = command(program, model, tmp_path / name, tmp_path / "mask.png", tmp_path / "p.raw")
    assert done.returncode == 0, done.stderr
    assert f"{image.shape[0]} x {image.shape[1]} pixels, Häutchen" in done.stdout
    predictor = OnnxPredictor(model)
    (page,) = predictor.open(tmp_path / name)
    page = page[:]
    expected, mask = predictor.predict(page), cv2.imread(str(tmp_path / "mask.png"), cv2.IMREAD_UNCHANGED)
    found = np.fromfile(tmp_path / "p.raw", np.float32).reshape(*page.shape[:2], 2).transpose(2, 0, 1)
    np.testing.assert_allclose(found, expected, atol=1e-4)
    np.testing.assert_array_equal(mask, found.argmax(0))
    sure = np.abs(expected[1] - expected[0]) > 1e-4  # elsewhere rounding decides
    assert sure.mean() > 0.99 and 0 < mask.mean() < 1
    np.testing.assert_array_equal(mask[sure], predictor.mask(page)[sure])


@pytest.mark.parametrize(
    "damage, sentence",
    [
        (lambda data: data[: len(data) // 2], "not a readable ONNX model"),
        (lambda data: b"a picture of a cat", "not a readable ONNX model"),
        (lambda data: data.replace(b"unet_nb\x12", b"unet_mb\x12"), "does not say how images are prepared"),
        (lambda data: data.replace(b'{"schema": 1,', b'{"schema": 9,'), "has the schema 9"),
        (lambda data: data.replace(b'{"schema": 1,', b'{"schema"  1,'), "is damaged"),
        (lambda data: data.replace(b'"channels": 3,', b'"channels": 1,'), "must read one tensor (N, 1, H, W)"),
        (lambda data: data, "image.png: not a readable image"),
        (None, "model not found"),
    ],
)
def test_mistakes_get_a_sentence(program, write, damage, sentence, tmp_path):
    if damage:
        (tmp_path / "model.onnx").write_bytes(damage(write().read_bytes()))
    (tmp_path / "image.png").write_text("no picture")
    done = command(program, tmp_path / "model.onnx", tmp_path / "image.png", tmp_path / "mask.png")
    assert done.returncode == 1 and sentence in done.stderr and not (tmp_path / "mask.png").exists()
