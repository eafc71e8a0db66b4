"""One kind of file, four who read it: training, prediction, the predictor without MindSpore and the doctor.

They see the same pixels, or say the same sentence; no kind is read by one and refused, or read differently, by another.
"""

from pathlib import Path

import cv2
import numpy as np
import pytest
import tifffile
from PIL import Image

from unet_nb.config.jobs import Config
from unet_nb.core.reading import readings
from unet_nb.data.doctor import examine
from unet_nb.data.folder import load_folder
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


RGBA = np.dstack([RGB, GREY])
READ = {  # name of the file, who writes it, parameter reading, num_channels, shape of what is seen
    "grey": ("a.png", pil(GREY), {}, 1, (40, 56)),
    "colour": ("a.png", pil(RGB), {}, 3, (40, 56, 3)),
    "alpha dropped": ("a.png", pil(RGBA), {}, 3, (40, 56, 3)),
    "alpha alone": ("a.png", pil(RGBA), {"alpha": "only"}, 1, (40, 56)),
    "palette": ("a.png", pil(RGB, "P"), {}, 3, (40, 56, 3)),
    "one bit": ("a.png", pil(GREY, "1"), {}, 1, (40, 56)),
    "16 bits": ("a.png", pil(DEEP), {}, 1, (40, 56)),
    "JPEG, turned": ("a.jpg", turned, {}, 3, (56, 40, 3)),
    "bmp": ("a.bmp", pil(RGB), {}, 3, (40, 56, 3)),
    "webp": ("a.webp", pil(RGB, lossless=True), {}, 3, (40, 56, 3)),
    "npy": ("a.npy", lambda path: np.save(path, DEEP), {}, 1, (40, 56)),
    "tiff": ("a.tif", tif(GREY), {}, 1, (40, 56)),
    "tiff, big-endian": ("a.tif", tif(DEEP, byteorder=">"), {}, 1, (40, 56)),
    "tiff, LZW": ("a.tif", pil(RGB, compression="tiff_lzw"), {}, 3, (40, 56, 3)),
    "tiff, tiles": ("a.tif", tif(GREY, tile=(16, 16), compression="zlib"), {}, 1, (40, 56)),
    "tiff, palette": ("a.tif", tif(GREY, photometric="palette", colormap=TABLE), {}, 3, (40, 56, 3)),
    "tiff, white is zero": ("a.tif", tif(GREY, photometric="miniswhite"), {}, 1, (40, 56)),
    "tiff, turned": ("a.tif", tif(GREY, extratags=[(274, "H", 1, 6, True)]), {}, 1, (56, 40)),
    "tiff, alpha": ("a.tif", tif(RGBA, photometric="rgb", extrasamples=["unassalpha"]), {}, 3, (40, 56, 3)),
    "tiff, named channels": ("a.ome.tif", tif(PLANES, metadata={"axes": "CYX"}, **BLACK), {}, 3, (40, 56, 3)),
    "tiff, pages as channels": ("a.tif", tif(PLANES, **BLACK), {"axes": "CYX"}, 3, (40, 56, 3)),
    "two of its channels": ("a.tif", tif(PLANES, **BLACK), {"axes": "CYX", "channels": [2, 0]}, 2, (40, 56, 2)),
}
REFUSED = {  # … and words of the sentence
    "unnamed pages": ("a.tif", tif(PLANES, **BLACK), {}, 1, "--reading axes=CYX"),
    "float": ("a.tif", tif(GREY / np.float32(255)), {}, 1, "float32"),
    "signed": ("a.tif", tif(DEEP.astype(np.int16)), {}, 1, "int16"),
    "32 bits": ("a.npy", lambda path: np.save(path, DEEP.astype(np.int32)), {}, 1, "int32"),
    "cut off": ("a.tif", cut_off, {}, 1, "cut off"),
    "text": ("a.png", lambda path: path.write_text("no picture"), {}, 1, "not a PNG"),
    "empty": ("a.png", lambda path: path.write_bytes(b""), {}, 1, "0 bytes"),
    "no alpha": ("a.png", pil(RGB), {"alpha": "only"}, 3, "has no alpha"),
    "wrong axes": ("a.png", pil(GREY), {"axes": "CYX"}, 1, "names 3 axes"),
}


def by_training(folder: Path, cfg: Config) -> np.ndarray:
    reading, _ = readings(cfg.reading)
    return load_folder(folder, 2, reading=reading, num_channels=cfg.num_channels)[0].image


def by_prediction(folder: Path, cfg: Config) -> np.ndarray:
    return open_new_images(cfg, image_of(folder)).page()


def by_predictor(folder: Path, cfg: Config) -> np.ndarray:
    predictor = OnnxPredictor.__new__(OnnxPredictor)  # what opens files needs the description alone
    predictor.described = {"input": {"channels": cfg.num_channels, "reading": cfg.reading}}
    return predictor.open(image_of(folder)).page()


def image_of(folder: Path) -> Path:
    return next((folder / "images").iterdir())


def by_doctor(folder: Path, cfg: Config) -> tuple[str, list[str]]:
    "What the doctor says about images, and about files that it cannot read."
    report = examine(folder, 2, reading=readings(cfg.reading)[0])
    words = [f.detail for f in report.findings if f.code in ("unreadable", "needs-choice")]
    return report.facts.get("images", ""), words


@pytest.fixture
def written(tmp_path):
    "A function that writes a set of one image and its mask."

    def write(name: str, writer, shape=(40, 56)) -> Path:
        for part in ("images", "masks"):
            (tmp_path / part).mkdir()
        writer(tmp_path / "images" / name)
        mask = cv2.circle(np.zeros(shape, np.uint8), (28, 20), 9, 255, -1)
        cv2.imwrite(str(tmp_path / "masks" / "a.png"), mask)
        return tmp_path

    return write


@pytest.mark.parametrize("kind", READ)
def test_the_same_pixels(kind, written):
    name, writer, reading, channels, shape = READ[kind]
    folder, cfg = written(name, writer, shape[:2]), Config(reading=reading, num_channels=channels)
    image = by_training(folder, cfg)
    assert image.shape == shape
    for read in (by_prediction, by_predictor):
        seen = read(folder, cfg)
        assert seen.dtype == image.dtype
        np.testing.assert_array_equal(seen, image)
    facts, words = by_doctor(folder, cfg)
    assert not words and f"values {image.min()} … {image.max()}" in facts


@pytest.mark.parametrize("kind", REFUSED)
def test_the_same_sentence(kind, written):
    name, writer, reading, channels, words = REFUSED[kind]
    folder, cfg = written(name, writer), Config(reading=reading, num_channels=channels)
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
        by_training(folder, Config(num_channels=3))
    assert by_training(folder, Config(num_channels=3, reading={"axes": "CYX"})).shape == (40, 56, 3)


def test_the_networks_channels_count_for_all_who_feed_one(written):
    folder = written("a.tif", tif(np.stack([*PLANES, GREY], -1), metadata={"axes": "YXC"}, **BLACK))
    said = set()
    for read in (by_training, by_prediction, by_predictor):
        with pytest.raises(ValueError, match="4 channels, and the network reads 3") as error:
            read(folder, Config(num_channels=3))
        said.add(str(error.value))
    assert len(said) == 1
    assert by_training(folder, Config(num_channels=3, reading={"channels": [0, 1, 2]})).shape == (40, 56, 3)
