#!/usr/bin/env bash
# OpenCV's exact distance transform of one mask differs in its last bit with the place of the arrays in memory.
#
# Guess:  distanceTransform with DIST_MASK_PRECISE, which has no iteration and no random part, returns the same bits each time.
# Seen:   OpenCV 4.11.0 returns several results for one 40 x 41 mask when the output array begins a few floats later in memory; they
#         differ by one unit in the last place, enough to change which of two equal pixels a watershed takes first.
# So:     squared distances between pixels are whole numbers: round them, and take the root again.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/env"
"$folder/env/bin/python" -m pip install --quiet --disable-pip-version-check 'numpy<2' opencv-python-headless==4.11.0.86
cd "$folder"
"$folder/env/bin/python" - <<'PY'
import cv2
import numpy as np

rng, (rows, columns) = np.random.default_rng(0), np.mgrid[:40, :41]
most, rounded = 1, 1
for _ in range(40):
    mask = np.zeros(rows.shape, np.uint8)
    for y, x in rng.uniform(8, 32, (3, 2)):
        mask[(rows - y) ** 2 + (columns - x) ** 2 < rng.uniform(20, 90)] = 1
    seen = []
    for begin in range(16):
        place = np.zeros(mask.size + 16, np.float32)[begin : begin + mask.size].reshape(mask.shape)
        seen.append(cv2.distanceTransform(mask, cv2.DIST_L2, cv2.DIST_MASK_PRECISE, place).copy())
    most = max(most, len({a.tobytes() for a in seen}))
    rounded = max(rounded, len({np.sqrt(np.rint(np.square(a))).tobytes() for a in seen}))
    assert max(np.abs(a - seen[0]).max() for a in seen) < 1e-5
print(cv2.__version__, "different results for one mask:", most, "after rounding:", rounded)
assert most > 1 and rounded == 1, (most, rounded)
PY
