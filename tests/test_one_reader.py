"""One kind of file, four who read it: training, prediction, the predictor without MindSpore and the doctor.

They see the same pixels, those of tests/test_images.py (what was written, by seven writers, never the reader's own
answer), or say the same sentence; no kind is read by one and refused, or read differently, by another.
"""

from pathlib import Path

import cv2
import numpy as np
import pytest
import tifffile
from PIL import Image
from test_images import KINDS, pixels_of

from unet_nb.config.jobs import PredictConfig
from unet_nb.core.reading import Reading, readings
from unet_nb.data.doctor import examine
from unet_nb.data.folder import load_folder
from unet_nb.data.images import ImageFile, open_image
from unet_nb.inference.predict import open_new_images
from unet_nb.inference.predictor import OnnxPredictor

RNG = np.random.default_rng(0)
GREY = RNG.integers(0, 256, (40, 56), dtype=np.uint8)
RGB = cv2.GaussianBlur(RNG.integers(0, 256, (40, 56, 3), dtype=np.uint8), (0, 0), 2)
DEEP = RNG.integers(0, 65536, (40, 56), dtype=np.uint16)
PLANES = RNG.integers(0, 256, (3, 40, 56), dtype=np.uint8)
TABLE = np.stack([np.arange(256), np.full(256, 128), np.zeros(256)]).astype(np.uint16) * 256
BLACK = {"photometric": "minisblack"}


def tif(array, **options):
    return lambda path: tifffile.imwrite(path, array, **options)


def pil(array, mode=None, **options):
    return lambda path: (Image.fromarray(array) if mode is None else Image.fromarray(array).convert(mode)).save(
        path, **options
    )


def turned(path):
    exif = Image.Exif()
    exif[274] = 6
    Image.fromarray(RGB).save(path, exif=exif)


def cut_off(path):
    tifffile.imwrite(path, GREY, compression="zlib")
    path.write_bytes(path.read_bytes()[:900])


REFUSED = {  # … and words of the sentence
    "unnamed pages": ("a.tif", tif(PLANES, **BLACK), {}, 1, "--reading axes=CYX"),
    "complex": ("a.tif", tif(GREY * (1 + 1j)), {}, 1, "complex numbers"),
    "cut off": ("a.tif", cut_off, {}, 1, "cut off"),
    "text": ("a.png", lambda path: path.write_text("no picture"), {}, 1, "not a PNG"),
    "empty": ("a.png", lambda path: path.write_bytes(b""), {}, 1, "0 bytes"),
    "no alpha": ("a.png", pil(RGB), {"alpha": "only"}, 3, "has no alpha"),
    "wrong axes": ("a.png", pil(GREY), {"axes": "CYX"}, 1, "names 3 axes"),
}


def by_training(folder: Path, cfg: PredictConfig) -> np.ndarray:
    reading, _ = readings(cfg.reading)
    return load_folder(folder, 2, reading=reading, num_channels=cfg.num_channels)[0].image


def by_prediction(folder: Path, cfg: PredictConfig) -> np.ndarray:
    return pixels(open_new_images(cfg, image_of(folder)))


def by_predictor(folder: Path, cfg: PredictConfig) -> np.ndarray:
    predictor = OnnxPredictor.__new__(OnnxPredictor)  # what opens files needs its configuration alone
    predictor.cfg = cfg
    return pixels(predictor.open(image_of(folder)))


def pixels(file: ImageFile) -> np.ndarray:
    return file.page() if len(file) == 1 else file.stack()


def image_of(folder: Path) -> Path:
    return next((folder / "images").iterdir())


def by_doctor(folder: Path, cfg: PredictConfig) -> tuple[str, list[str]]:
    "What the doctor says about images, and about files that it cannot read."
    report = examine(folder, 2, reading=readings(cfg.reading)[0])
    words = [f.detail for f in report.findings if f.code in ("unreadable", "needs-choice")]
    return report.facts.get("images", ""), words


@pytest.fixture
def written(tmp_path):
    "A function that writes a set of one image and its mask."

    def write(name: str, writer, shape=(40, 56)) -> Path:
        for part in ("images", "masks"):
            (tmp_path / "set" / part).mkdir(parents=True)
        writer(tmp_path / "set/images" / name)
        mask = cv2.circle(np.zeros(shape, np.uint8), (28, 20), 9, 255, -1)
        cv2.imwrite(str(tmp_path / "set/masks/a.png"), mask)
        return tmp_path / "set"

    return write


@pytest.mark.parametrize("kind", KINDS)
def test_the_same_pixels(kind, written, tmp_path):
    name, writer, _, *reading = KINDS[kind]
    writer(tmp_path / name)
    expected = pixels_of(kind, tmp_path / name)
    reading = reading[0] if reading else Reading()
    file = open_image(tmp_path / name, reading)
    folder = written(name, writer, file.shape[:2])
    cfg = PredictConfig(reading=reading.to_json(), num_channels=(*file.shape, 1)[2])
    for read in (by_prediction, by_predictor):
        seen = read(folder, cfg)
        assert seen.dtype == expected.dtype
        np.testing.assert_array_equal(seen, expected)
    if len(file) > 1:  # a stack is no training image: its slices are
        words = f"it holds {len(file)} pictures"
        with pytest.raises(ValueError, match=words):
            by_training(folder, cfg)
        assert words in by_doctor(folder, cfg)[1][0]
        return
    np.testing.assert_array_equal(by_training(folder, cfg), expected)
    facts, words = by_doctor(folder, cfg)
    assert not words and f"values {expected.min():g} … {expected.max():g}" in facts


@pytest.mark.parametrize("kind", REFUSED)
def test_the_same_sentence(kind, written):
    name, writer, reading, channels, words = REFUSED[kind]
    folder, cfg = written(name, writer), PredictConfig(reading=reading, num_channels=channels)
    said = set()
    for read in (by_training, by_prediction, by_predictor):
        with pytest.raises(ValueError) as error:
            read(folder, cfg)
        said.add(str(error.value))
    facts, found = by_doctor(folder, cfg)
    assert len(said) == 1 and words in min(said) and found == list(said)


def test_a_remedy_in_the_sentence_is_the_one_that_helps(written):
    folder = written("a.tif", tif(PLANES, **BLACK))
    with pytest.raises(ValueError, match="--reading axes=CYX"):
        by_training(folder, PredictConfig(num_channels=3))
    assert by_training(folder, PredictConfig(num_channels=3, reading={"axes": "CYX"})).shape == (40, 56, 3)


def test_the_networks_channels_count_for_all_who_feed_one(written):
    folder = written("a.tif", tif(np.stack([*PLANES, GREY], -1), metadata={"axes": "YXC"}, **BLACK))
    said = set()
    for read in (by_training, by_prediction, by_predictor):
        with pytest.raises(ValueError, match="4 channels, and the network reads 3") as error:
            read(folder, PredictConfig(num_channels=3))
        said.add(str(error.value))
    assert len(said) == 1
    assert by_training(folder, PredictConfig(num_channels=3, reading={"channels": [0, 1, 2]})).shape == (40, 56, 3)
