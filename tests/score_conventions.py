"""200 random label maps, and what other packages say of them: the data behind nbs/docs/metrics.md.

In an environment of its own, with torch, torchmetrics, monai, medpy, scikit-learn, scikit-image, stardist and cellpose
(`pip install torch torchmetrics monai medpy scikit-learn scikit-image stardist cellpose`):

    python tests/score_conventions.py

writes tests/fixtures/score_conventions.json: versions, and each package's value for each map, null where it has none.
tests/test_score_conventions.py compares the kit's scores with them.
"""

import json
import math
import sys
import warnings
from importlib import metadata
from pathlib import Path

import numpy as np

FIXTURE = Path(__file__).parent / "fixtures/score_conventions.json"
SIZE, COUNT, CLASSES = 48, 200, 3


def label_maps(count: int = COUNT, seed: int = 0) -> list[dict[str, np.ndarray]]:
    """Truth and prediction of each map: `classes` uint8 and `objects` int32 (2, 48, 48), rectangles of classes 1 and 2.

    Among them are maps without a class, without any object on one side or on both, and pairs of an IoU of exactly 0.5.
    """
    rng, found = np.random.default_rng(seed), []
    for _ in range(count):
        maps = {"classes": np.zeros((2, SIZE, SIZE), np.uint8), "objects": np.zeros((2, SIZE, SIZE), np.int32)}
        for number in range(1, int(rng.integers(0, 5)) + 1):
            top, left = rng.integers(2, SIZE - 18, 2)
            height, width = 2 * rng.integers(2, 8, 2)
            kind, fate = int(rng.integers(1, CLASSES)), rng.random()
            boxes = {0: (top, left, height, width), 1: (top, left, height, width)}
            if fate < 0.2:
                boxes.pop(0)  # invented
            elif fate < 0.4:
                boxes.pop(1)  # missed
            elif fate < 0.55:
                boxes[1] = (top, left, height, width // 2)  # half of it: an IoU of exactly 0.5
            elif fate < 0.9:
                boxes[1] = (top + rng.integers(-2, 3), left + rng.integers(-2, 3), height, width)
            for side, (y, x, h, w) in boxes.items():
                maps["classes"][side, y : y + h, x : x + w] = kind
                maps["objects"][side, y : y + h, x : x + w] = number
        found.append(maps)
    return found


def per_class(score) -> list[list[float]]:
    "A score(truth, prediction) of two bool maps for each map and each class."
    return [[score(*(m["classes"] == k)) for k in range(CLASSES)] for m in label_maps()]


def by_scikit_learn() -> dict[str, list]:
    from sklearn.metrics import f1_score, jaccard_score, precision_score, recall_score

    scores = {"dice": f1_score, "iou": jaccard_score, "precision": precision_score, "recall": recall_score}
    return {name: per_class(lambda t, p, f=f: f(t.ravel(), p.ravel())) for name, f in scores.items()}


def by_medpy() -> dict[str, list]:
    from medpy.metric import binary

    scores = {"dice": binary.dc, "iou": binary.jc, "precision": binary.precision, "recall": binary.recall}
    return {name: per_class(lambda t, p, f=f: f(p, t)) for name, f in scores.items()}


def by_torchmetrics() -> dict[str, list]:
    import torch
    from torchmetrics.functional import classification as c
    from torchmetrics.functional.segmentation import dice_score, mean_iou

    options = {"num_classes": CLASSES, "average": None}

    def each(score) -> list[list[float]]:
        maps = [torch.from_numpy(m["classes"].astype(np.int64)) for m in label_maps()]
        return [score(m[1:], m[:1]).reshape(-1).tolist() for m in maps]

    return {
        "dice": each(lambda p, t: dice_score(p, t, CLASSES, average=None, input_format="index")),
        "iou": each(lambda p, t: mean_iou(p, t, CLASSES, per_class=True, input_format="index")),
        "jaccard_index": each(lambda p, t: c.multiclass_jaccard_index(p, t, **options)),
        "precision": each(lambda p, t: c.multiclass_precision(p, t, **options)),
        "recall": each(lambda p, t: c.multiclass_recall(p, t, **options)),
    }


def by_monai() -> dict[str, list]:
    import torch
    from monai.metrics import compute_dice, compute_iou

    def each(score, **options) -> list[list[float]]:
        found = []
        for m in label_maps():
            t, p = (
                torch.from_numpy(m["classes"][i] == np.arange(CLASSES)[:, None, None])[None].float() for i in (0, 1)
            )
            found.append(score(p, t, include_background=True, **options).reshape(-1).tolist())
        return found

    scores = {"dice": compute_dice, "iou": compute_iou}
    kept = {f"{name}, ignore_empty=False": each(f, ignore_empty=False) for name, f in scores.items()}
    return {name: each(f) for name, f in scores.items()} | kept


def by_stardist() -> dict[str, list]:
    from stardist.matching import matching

    maps = [m["objects"] for m in label_maps()]
    return {f"ap{t:.0%}"[:-1]: [float(matching(*m, thresh=t).accuracy) for m in maps] for t in (0.5, 0.75)}


def by_cellpose() -> dict[str, list]:
    from cellpose.metrics import aggregated_jaccard_index, average_precision

    truth, predicted = ([m["objects"][i] for m in label_maps()] for i in (0, 1))
    pairs = list(zip(truth, predicted))
    ap = np.array([average_precision([t], [p], threshold=[0.5, 0.75])[0][0] for t, p in pairs])
    jaccard = [float(aggregated_jaccard_index([t], [p])[0]) for t, p in pairs]
    return {"ap50": ap[:, 0].tolist(), "ap75": ap[:, 1].tolist(), "aggregated_jaccard": jaccard}


def by_scikit_image() -> dict[str, list]:
    from skimage.metrics import adapted_rand_error, variation_of_information

    maps = [m["objects"] for m in label_maps()]
    return {
        "adapted_rand_error": [float(adapted_rand_error(*m)[0]) for m in maps],
        "variation_of_information": [[float(v) for v in variation_of_information(*m)] for m in maps],
        "variation_of_information, ignore_labels=[0]": [
            [float(v) for v in variation_of_information(*m, ignore_labels=[0])] for m in maps
        ],
    }


PACKAGES = {
    "scikit-learn": by_scikit_learn,
    "medpy": by_medpy,
    "torchmetrics": by_torchmetrics,
    "monai": by_monai,
    "stardist": by_stardist,
    "cellpose": by_cellpose,
    "scikit-image": by_scikit_image,
}


def plain(value):
    "Rounded numbers, null for those that are none."
    if isinstance(value, list):
        return [plain(v) for v in value]
    return round(value, 6) if math.isfinite(value) else None


def main(names: list[str]) -> None:
    warnings.simplefilter("ignore")
    told = json.loads(FIXTURE.read_text()) if FIXTURE.is_file() else {}
    for name in names or PACKAGES:
        values = {score: plain(v) for score, v in PACKAGES[name]().items()}
        told[name] = {"version": metadata.version(name), "scores": values}
        print(name, told[name]["version"], *values)
    FIXTURE.write_text(json.dumps(told, separators=(",", ":")) + "\n")


if __name__ == "__main__":
    main(sys.argv[1:])
