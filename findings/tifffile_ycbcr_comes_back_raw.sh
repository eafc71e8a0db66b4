#!/usr/bin/env bash
# An uncompressed YCbCr TIFF is read as if it were RGB by tifffile, and as RGB by Pillow and OpenCV.
#
# Guess:  tifffile converts YCbCr to RGB, as it does for YCbCr with JPEG compression.
# Seen:   tifffile 2026.3.3 returns Y, Cb, Cr as they are stored, without a warning; pure red comes back as (76, 84, 255).
# So:     look at page.photometric before using the pixels of a colour TIFF.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/env"
"$folder/env/bin/python" -m pip install --quiet --disable-pip-version-check tifffile==2026.3.3 numpy==2.4.6 pillow==13.0.0
cd "$folder"
"$folder/env/bin/python" - <<'PY'
import numpy as np
import tifffile
from PIL import Image

red = np.zeros((16, 16, 3), np.uint8)
red[..., 0] = 255
Image.fromarray(red).convert("YCbCr").save("red.tif")
raw = tuple(int(v) for v in tifffile.imread("red.tif")[0, 0])
shown = np.asarray(Image.open("red.tif").convert("RGB"))[0, 0].astype(int)
print(tifffile.__version__, raw, shown)
assert raw == (76, 84, 255), raw
assert shown[0] > 250 and shown[1:].max() < 6, shown
PY
