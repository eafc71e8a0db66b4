"""How well outlines become pixels here and elsewhere: `python tests/measure_outlines.py`, about a minute.

600 discs of radius 8 at random places and 600 random outlines are painted by this kit and as scripts usually do it with
pycocotools, PIL, OpenCV and scikit-image. Dice is that with GDAL's mask (a pixel belongs to the outline when its centre
does), area the number of pixels over the exact area of the outlines. `--large` paints 10,000 polygons on a picture of
10,000 × 10,000 pixels.
"""

import resource
import sys
import time

import cv2
import numpy as np
from PIL import Image, ImageDraw
from pycocotools import mask as coco
from rasterio.features import rasterize
from skimage.draw import polygon2mask

from unet_nb.data.painting import paint
from unet_nb.data.shapes import Outline, Shape, shape_mask

SIZE = (80, 80)


def kit(points: np.ndarray) -> np.ndarray:
    return shape_mask(Shape((Outline((points,)),)), SIZE)


def gdal(points: np.ndarray) -> np.ndarray:
    ring = np.vstack([points, points[:1]]).tolist()
    return rasterize([{"type": "Polygon", "coordinates": [ring]}], out_shape=SIZE) > 0


def by_pycocotools(points: np.ndarray) -> np.ndarray:
    return coco.decode(coco.frPyObjects([points.ravel().tolist()], *SIZE))[..., 0] > 0


def by_pil(points: np.ndarray) -> np.ndarray:
    canvas = Image.new("L", SIZE[::-1])
    ImageDraw.Draw(canvas).polygon([tuple(p) for p in points.tolist()], outline=1, fill=1)
    return np.asarray(canvas) > 0


def by_opencv(points: np.ndarray) -> np.ndarray:
    return cv2.fillPoly(np.zeros(SIZE, np.uint8), [np.round(points).astype(np.int32)], 1) > 0


def by_skimage(points: np.ndarray) -> np.ndarray:
    return polygon2mask(SIZE, points[:, ::-1])


PAINTERS = {
    "this kit": kit,
    "pycocotools": by_pycocotools,
    "PIL ImageDraw": by_pil,
    "OpenCV fillPoly": by_opencv,
    "scikit-image, no shift": by_skimage,
}


def discs(count: int, rng: np.random.Generator, radius: float = 8.0, corners: int = 360) -> list[np.ndarray]:
    turn = np.linspace(0, 2 * np.pi, corners, endpoint=False)
    return [rng.uniform(20, 60, 2) + radius * np.stack([np.cos(turn), np.sin(turn)], 1) for _ in range(count)]


def outlines(count: int, rng: np.random.Generator, side: int = 80, radii: tuple = (4, 16)) -> list[np.ndarray]:
    "Star-shaped outlines of 3 to 40 corners, around points that keep them inside."
    found = []
    for _ in range(count):
        corners, radius = rng.integers(3, 41), rng.uniform(*radii)
        turn = np.sort(rng.uniform(0, 2 * np.pi, corners))
        reach = radius * rng.uniform(0.5, 1, corners)
        middle = rng.uniform(radii[1] + 1, side - radii[1] - 1, 2)
        found.append(middle + np.stack([reach * np.cos(turn), reach * np.sin(turn)], 1))
    return found


def exact_area(points: np.ndarray) -> float:
    (x, y), (u, v) = points.T, np.roll(points, -1, axis=0).T
    return abs(float((x * v - u * y).sum())) / 2


def measure(drawn: list[np.ndarray]) -> dict[str, tuple[float, float, int]]:
    "For each painter the mean Dice with GDAL's masks, the area over the exact one, and the outlines that differ."
    truth, area = [gdal(points) for points in drawn], sum(map(exact_area, drawn))
    rows = {}
    for name, paint_one in PAINTERS.items():
        masks = [paint_one(points) for points in drawn]
        both = [(int((m & t).sum()), int(m.sum()) + int(t.sum())) for m, t in zip(masks, truth)]
        dice = float(np.mean([2 * a / b if b else 1.0 for a, b in both]))
        different = sum(not np.array_equal(m, t) for m, t in zip(masks, truth))
        rows[name] = dice, float(sum(int(m.sum()) for m in masks)) / area, different
    return rows


def show(title: str, rows: dict[str, tuple[float, float, int]]) -> None:
    print(f"\n{title}\n{'':24} Dice    area    outlines that differ from GDAL's")
    for name, (dice, area, different) in rows.items():
        print(f"{name:24} {dice:.4f}  {area:.4f}  {different}")


def large(count: int = 10_000, side: int = 10_000) -> tuple[float, float]:
    "Seconds and MiB for painting many polygons on a large image."
    shapes = [Shape((Outline((p,)),), "cell") for p in outlines(count, np.random.default_rng(0), side, (15, 35))]
    before, start = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, time.process_time()
    painted = paint(shapes, (side, side), {"cell": 1})
    seconds, after = time.process_time() - start, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    memory = (after - before) / 1024
    print(f"{count} polygons, {side} x {side} pixels: {seconds:.1f} s, {memory:.0f} MiB, {painted.counts()}")
    return seconds, memory


if __name__ == "__main__":
    if "--large" in sys.argv:
        large()
    else:
        show("600 discs of radius 8", measure(discs(600, np.random.default_rng(0))))
        show("600 random outlines", measure(outlines(600, np.random.default_rng(0))))
