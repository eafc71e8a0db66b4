#!/usr/bin/env bash
# scikit-image's Feret diameter is neither between pixel centres nor between pixel corners.
#
# Guess:  12.73 (centres) or 14.14 (corners) for the diagonal of a square of 10 pixels.
# Seen:   scikit-image 0.25.2: 13.45, since the outline runs half-way between pixel centres and cuts the corners; ImageJ has 14.14, SimpleITK 12.73. The perimeter is 36, between centres.
# So:     do not compare Feret diameters of two programs below a pixel.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/env"
"$folder/env/bin/python" -m pip install --quiet --disable-pip-version-check scikit-image==0.25.2 numpy==1.26.4
cd "$folder"
export GLOG_v=3
"$folder/env/bin/python" - <<'PY'
import numpy as np
import skimage
from skimage.measure import regionprops

square = np.zeros((14, 14), int)
square[2:12, 2:12] = 1
(region,) = regionprops(square)
print(skimage.__version__, region.feret_diameter_max, region.perimeter, 162**0.5, 200**0.5)
assert abs(region.feret_diameter_max - (9**2 + 10**2) ** 0.5) < 1e-6 and region.perimeter == 36
PY
