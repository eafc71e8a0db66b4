#!/usr/bin/env bash
# datumaro's VOC export with label_map="source" writes a labelmap.txt without colours beside masks in colours.
#
# Guess:  a line name:red,green,blue:: for each class.
# Seen:   datumaro 1.13.12: 'cell:::', 'background:::'. With a table of colours the colours stand there.
# So:     give label_map a table {name: [(red, green, blue), [], []]}, as CVAT does.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/env"
"$folder/env/bin/python" -m pip install --quiet --disable-pip-version-check datumaro==1.13.12
cd "$folder"
"$folder/env/bin/python" - <<'PY' 2>/dev/null
from pathlib import Path

import datumaro as dm
import numpy as np

pixels = np.zeros((8, 9), bool)
pixels[2:5, 2:5] = True
picture = dm.Image.from_numpy(data=np.zeros((8, 9, 3), np.uint8))
item = dm.DatasetItem("a", media=picture, annotations=[dm.Mask(pixels, label=0)])
data = dm.Dataset.from_iterable([item], categories=["cell"], media_type=dm.Image)
data.export("out", "voc_segmentation", label_map="source")
text = Path("out/labelmap.txt").read_text()
print(text)
assert "cell:::" in text, text
PY
