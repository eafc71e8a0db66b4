#!/usr/bin/env bash
# A bool mask written by tifffile is its own negative in Pillow and OpenCV.
#
# Guess:  imwrite of a bool array writes 1-bit pixels that every reader shows as white where the array is True.
# Seen:   tifffile 2026.3.3 marks them MINISWHITE and does not invert them: Pillow 13.0.0 and OpenCV 4.11 read True as black.
# So:     write masks as uint8 (0 and 255 or class ids).
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/env"
"$folder/env/bin/python" -m pip install --quiet --disable-pip-version-check tifffile==2026.3.3 'numpy<2' pillow==13.0.0 opencv-python-headless==4.11.0.86 imagecodecs==2026.1.14
cd "$folder"
"$folder/env/bin/python" - <<'PY'
import cv2
import numpy as np
import tifffile
from PIL import Image

mask = np.zeros((32, 32), bool)
mask[8:24, 8:24] = True
tifffile.imwrite("mask.tif", mask)
with tifffile.TiffFile("mask.tif") as tif:
    kind = tif.pages[0].photometric.name
by_tifffile = bool((tifffile.imread("mask.tif").astype(bool) == mask).all())
by_pillow = bool((np.asarray(Image.open("mask.tif").convert("L")) > 127)[16, 16])
by_opencv = bool(cv2.imread("mask.tif", cv2.IMREAD_GRAYSCALE)[16, 16] > 127)
print(kind, by_tifffile, by_pillow, by_opencv)
assert (kind, by_tifffile, by_pillow, by_opencv) == ("MINISWHITE", True, False, False)
PY
