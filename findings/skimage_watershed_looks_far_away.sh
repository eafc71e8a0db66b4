#!/usr/bin/env bash
# skimage's watershed gives two touching objects another border when something far away is added.
#
# Guess:  the border depends on the pixels of the two objects and their markers.
# Seen:   scikit-image 0.26.0: pixels that are equally near to both markers change sides, although nothing within reach
#         of them did: ties are broken by the order in which pixels of the whole image come into one queue.
# So:     tiles of one image do not fit together at such pixels; label each object by itself, or break ties yourself.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/env"
"$folder/env/bin/python" -m pip install --quiet --disable-pip-version-check scikit-image==0.26.0
cd "$folder"
"$folder/env/bin/python" - <<'PY'
import numpy as np
from skimage.segmentation import watershed

rng = np.random.default_rng(0)
changed = 0
for trial in range(200):
    flat = rng.integers(0, 3, (40, 120)).astype(float)
    mask, markers = np.zeros((40, 120), bool), np.zeros((40, 120), int)
    mask[10:30, 10:40] = True
    markers[20, 15], markers[20, 35] = 1, 2
    alone = watershed(flat, markers, mask=mask)
    mask[5:35, 80:110] = True  # forty pixels away, and apart
    markers[8, 85] = 3
    beside = watershed(flat, markers, mask=mask)
    changed += bool((alone[:, :60] != beside[:, :60]).any())
print(f"{changed} of 200 pairs of objects have another border")
assert changed > 0, changed
PY
