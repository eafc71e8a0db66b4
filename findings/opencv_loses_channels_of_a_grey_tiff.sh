#!/usr/bin/env bash
# OpenCV reads one of the four channels of a fluorescence TIFF and says nothing.
#
# Guess:  imread with IMREAD_UNCHANGED returns (64, 64, 4) for a TIFF of four contiguous grey samples, or refuses it.
# Seen:   OpenCV 4.11.0 returns (64, 64): the first channel alone, no warning; Pillow 13.0.0 cannot identify the file.
# So:     read scientific TIFFs with tifffile.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/env"
"$folder/env/bin/python" -m pip install --quiet --disable-pip-version-check tifffile==2026.3.3 'numpy<2' pillow==13.0.0 opencv-python-headless==4.11.0.86
cd "$folder"
"$folder/env/bin/python" - <<'PY'
import cv2
import numpy as np
import tifffile
from PIL import Image, UnidentifiedImageError

image = np.random.default_rng(0).integers(0, 255, (64, 64, 4), np.uint8)
tifffile.imwrite("cells.tif", image, photometric="minisblack", planarconfig="contig")
read = cv2.imread("cells.tif", cv2.IMREAD_UNCHANGED)
try:
    pillow = Image.open("cells.tif").mode
except UnidentifiedImageError:
    pillow = "not identified"
print(cv2.__version__, read.shape, pillow)
assert read.shape == (64, 64) and pillow == "not identified", (read.shape, pillow)
assert tifffile.imread("cells.tif").shape == (64, 64, 4)
PY
