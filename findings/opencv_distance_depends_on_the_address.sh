#!/usr/bin/env bash
# OpenCV's exact distance transform depends on where the array lies in memory.
#
# Guess:  the same mask gives the same distances, byte for byte.
# Seen:   opencv 4.11.0, one thread: copies of one mask at other addresses give distances up to 9.5e-07 apart.
# So:     distances between pixels are roots of whole numbers: sqrt(rint(d * d)) is the same everywhere.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/env"
"$folder/env/bin/python" -m pip install --quiet --disable-pip-version-check opencv-python-headless==4.11.0.86 numpy==1.26.4
cd "$folder"
"$folder/env/bin/python" - <<'PY'
import cv2
import numpy as np

cv2.setNumThreads(1)
noise = np.random.default_rng(0).random((20, 20), np.float32)
mask = (cv2.resize(noise, (133, 97), interpolation=cv2.INTER_CUBIC) > 0.5).astype(np.uint8)
found = []
for offset in range(64):
    copy = np.empty(mask.size + 64, np.uint8)[offset : offset + mask.size].reshape(mask.shape)
    copy[:] = mask
    found.append(cv2.distanceTransform(copy, cv2.DIST_L2, cv2.DIST_MASK_PRECISE))
print(f"{len({d.tobytes() for d in found})} results of one mask, up to {np.ptp(found, axis=0).max():.1e} apart")
whole = {np.sqrt(np.rint(d * d)).tobytes() for d in found}
print(f"{len(whole)} when the square is rounded to the whole number that it is")
assert len({d.tobytes() for d in found}) > 1 and len(whole) == 1, "this has changed"
PY
