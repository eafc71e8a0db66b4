"""The kit's scores beside those of other packages on 200 label maps: equal, but for the rules of nbs/docs/metrics.md.

The values of the others lie in a fixture that tests/score_conventions.py writes; scikit-image is asked here again.
"""

import json
import math
from pathlib import Path

import numpy as np
import pytest
from scipy.optimize import linear_sum_assignment
from score_conventions import CLASSES, FIXTURE, by_scikit_image, label_maps

from unet_nb.core.files import json_text
from unet_nb.metrics.objects import aggregated_jaccard, average_precision, match_iou
from unet_nb.metrics.overlap import adapted_rand, class_scores, confusion, dataset_scores, variation_of_information

MAPS = label_maps()
OTHERS = json.loads(FIXTURE.read_text())
PAGE = Path(__file__).resolve().parent.parent / "nbs/docs/metrics.md"

# What the others say where the kit says null: a class that neither side has. "truth": of one that the truth has not.
ABSENT = {
    ("scikit-learn", "dice"): 0, ("scikit-learn", "iou"): 0, ("scikit-learn", "precision"): 0,
    ("scikit-learn", "recall"): 0, ("medpy", "dice"): 1, ("medpy", "iou"): 1, ("medpy", "precision"): 0,
    ("medpy", "recall"): 0, ("torchmetrics", "dice"): None, ("torchmetrics", "iou"): -1,
    ("torchmetrics", "jaccard_index"): 0, ("torchmetrics", "precision"): 0, ("torchmetrics", "recall"): 0,
    ("monai", "dice"): None, ("monai", "iou"): None, ("monai", "dice, ignore_empty=False"): 1,
    ("monai", "iou, ignore_empty=False"): 1,
}  # fmt: skip
BY_TRUTH = {("monai", "dice"), ("monai", "iou")}  # null, too, where only the truth lacks the class


def same(ours: float | None, theirs: float | None) -> bool:
    if ours is None or theirs is None or math.isnan(ours):
        return theirs is None and (ours is None or math.isnan(ours))
    return abs(ours - theirs) < 2e-6  # the fixture has six places


@pytest.mark.parametrize("package, score", ABSENT, ids=lambda name: name)
def test_scores_of_classes(package, score):
    theirs, name = OTHERS[package]["scores"][score], score.split(",")[0].replace("jaccard_index", "iou")
    undefined = 0
    for m, values in zip(MAPS, theirs, strict=True):
        truth, predicted = m["classes"]
        ours = class_scores(confusion(predicted, truth, CLASSES))[name]
        for k in range(CLASSES):
            has = (truth == k).any(), (predicted == k).any()
            if not any(has):
                undefined += 1
                assert math.isnan(ours[k]) and values[k] == ABSENT[package, score]
            elif not has[0] and (package, score) in BY_TRUTH:
                assert ours[k] == 0 and values[k] is None
            else:
                assert same(ours[k], values[k])
    assert undefined > 100


@pytest.mark.parametrize("package, of_nothing", [("stardist", 0.0), ("cellpose", None)])
@pytest.mark.parametrize("threshold, name", [(0.5, "ap50"), (0.75, "ap75")])
def test_precision_of_objects(package, of_nothing, threshold, name):
    "The others count an IoU that equals the threshold as a hit, and an image without objects as 0, or not at all."
    equal = 0
    for m, value in zip(MAPS, OTHERS[package]["scores"][name], strict=True):
        truth, predicted = m["objects"]
        ours, iou = average_precision(truth, predicted, [threshold]), match_iou(truth, predicted)
        if not iou.size and not sum(iou.shape):
            assert ours == 1 and value == of_nothing
            continue
        rows, columns = linear_sum_assignment(-(iou >= threshold).astype(float) - iou / 1000)
        hits = int((iou[rows, columns] >= threshold).sum())
        assert same(hits / (sum(iou.shape) - hits), value)
        equal += same(ours, value)
        assert same(ours, value) or (iou == threshold).any()
    assert 50 < equal < len(MAPS)


def test_aggregated_jaccard():
    "Cellpose pairs each object once and divides by the pixels of any object; Kumar's index, ours, adds up the unions."
    for m, value in zip(MAPS, OTHERS["cellpose"]["scores"]["aggregated_jaccard"], strict=True):
        truth, predicted = m["objects"]
        iou = match_iou(truth, predicted)
        if not (truth.any() or predicted.any()):
            assert value is None and aggregated_jaccard(truth, predicted) == 1
            continue
        rows, columns = linear_sum_assignment(-iou)
        ids = [np.unique(x)[np.unique(x) > 0] for x in (truth, predicted)]
        shared = sum(((truth == ids[0][r]) & (predicted == ids[1][c])).sum() for r, c in zip(rows, columns))
        assert same(shared / ((truth > 0) | (predicted > 0)).sum(), value)


def test_scores_of_regions():
    "scikit-image as it is installed says what the fixture says; in its variation of information 0 is a region, too."
    now, told = by_scikit_image(), OTHERS["scikit-image"]["scores"]
    for i, m in enumerate(MAPS):
        truth, predicted = m["objects"]
        assert same(adapted_rand(truth, predicted)[0], told["adapted_rand_error"][i])
        assert same(now["adapted_rand_error"][i], told["adapted_rand_error"][i])
        pairs = {
            "variation_of_information, ignore_labels=[0]": variation_of_information(truth, predicted),
            "variation_of_information": variation_of_information(truth + 1, predicted + 1),
        }
        for name, ours in pairs.items():
            assert all(map(same, ours, told[name][i])) and all(map(same, now[name][i], told[name][i]))


def test_an_undefined_score_is_null_in_json():
    scores = dataset_scores([confusion(np.zeros((4, 4), int), np.zeros((4, 4), int), 3)])
    text = json_text(scores | {"iou": math.nan, "loss": math.inf})
    assert "NaN" not in text and "Infinity" not in text
    told = json.loads(text)
    assert told["per_class"][2]["dice"] is None and told["foreground_iou"] is None and told["iou"] is None


def test_the_page_names_the_versions_that_were_asked():
    page = PAGE.read_text(encoding="utf-8")
    assert all(f"{name} {facts['version']}" in page for name, facts in OTHERS.items())
