#!/usr/bin/env bash
# datumaro's "cvat" export writes a mask as run lengths of the whole image, not of the mask's own box.
#
# Guess:  left, top, width and height of a <mask> are its bounding box, as CVAT itself writes them.
# Seen:   datumaro 1.13.12: left 0, top 0, and the size of the image, for a mask of 3 x 4 pixels.
# So:     read the box that is written; a file grows with the image, and who crops to the mask must look at its pixels.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/env"
"$folder/env/bin/python" -m pip install --quiet --disable-pip-version-check datumaro==1.13.12
cd "$folder"
"$folder/env/bin/python" - <<'PY' 2>/dev/null
from pathlib import Path
from xml.etree import ElementTree

import datumaro as dm
import numpy as np

pixels = np.zeros((30, 40), bool)
pixels[5:8, 10:14] = True
picture = dm.Image.from_numpy(data=np.zeros((30, 40, 3), np.uint8))
item = dm.DatasetItem("a", media=picture, annotations=[dm.Mask(pixels, label=0)])
dm.Dataset.from_iterable([item], categories=["cell"], media_type=dm.Image).export("out", "cvat")
(mask,) = ElementTree.parse(next(Path("out").glob("*.xml"))).iter("mask")
box = {name: int(mask.get(name)) for name in ("left", "top", "width", "height")}
print(box)
assert box == {"left": 0, "top": 0, "width": 40, "height": 30}, box
PY
