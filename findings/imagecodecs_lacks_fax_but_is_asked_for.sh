#!/usr/bin/env bash
# tifffile asks for imagecodecs for a fax-compressed TIFF although imagecodecs is installed and cannot read it.
#
# Guess:  with imagecodecs installed, CCITT group 4 (what scanners and ImageJ's 1-bit exports use) is read.
# Seen:   tifffile 2026.3.3 with imagecodecs 2026.1.14 says that the package imagecodecs is required; Pillow reads the same file through libtiff.
# So:     fall back to Pillow for compressions 2, 3 and 4.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/env"
"$folder/env/bin/python" -m pip install --quiet --disable-pip-version-check tifffile==2026.3.3 imagecodecs==2026.1.14 'numpy<2' pillow==13.0.0
cd "$folder"
"$folder/env/bin/python" - <<'PY'
import imagecodecs
import numpy as np
import tifffile
from PIL import Image

mask = np.zeros((64, 64), bool)
mask[16:48, 16:48] = True
Image.fromarray(mask).save("scan.tif", compression="group4")
try:
    tifffile.imread("scan.tif")
    said = "read"
except Exception as error:
    said = f"{type(error).__name__}: {error}"
pillow = np.asarray(Image.open("scan.tif"))
print(tifffile.__version__, imagecodecs.__version__, said)
assert "imagecodecs" in said and (pillow.astype(bool) == mask).all(), said
PY
