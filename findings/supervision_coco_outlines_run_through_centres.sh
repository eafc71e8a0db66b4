#!/usr/bin/env bash
# supervision writes COCO polygons through the centres of the outermost pixels; read by COCO's own rule, masks shrink.
#
# Guess:  a square of 10 x 10 pixels becomes a polygon with corners 5 and 15, which pycocotools turns into 100 pixels, and a box of 10 x 10.
# Seen:   supervision 0.31.2: corners 5 and 14, "bbox" [5, 5, 9, 9] beside "area" 100; pycocotools 2.0.11 makes 81 pixels of it.
# So:     move such polygons by half a pixel and count the pixels on the outline in; a file does not say which rule it follows.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/env"
"$folder/env/bin/python" -m pip install --quiet --disable-pip-version-check \
    supervision==0.31.2 opencv-python-headless==4.14.0.94 pycocotools==2.0.11 numpy==2.4.6
cd "$folder"
"$folder/env/bin/python" - <<'PY'
import json

import numpy as np
import supervision as sv
from PIL import Image
from pycocotools import mask as coco

Image.fromarray(np.zeros((32, 48, 3), np.uint8)).save("a.png")
square = np.zeros((1, 32, 48), bool)
square[0, 5:15, 5:15] = True
found = sv.Detections(xyxy=sv.mask_to_xyxy(square).astype(float), mask=square, class_id=np.array([0]))
sv.DetectionDataset(classes=["c"], images=["a.png"], annotations={"a.png": found}).as_coco(annotations_path="a.json")
(a,) = json.load(open("a.json"))["annotations"]
pixels = int(coco.decode(coco.merge(coco.frPyObjects(a["segmentation"], 32, 48))).sum())
print(sv.__version__, a["segmentation"], a["bbox"], a["area"], pixels)
assert a["bbox"] == [5, 5, 9, 9] and a["area"] == 100 and pixels == 81, (a, pixels)
PY
