#!/usr/bin/env bash
# SimpleITK's average Hausdorff distance is taken over the objects' pixels, not over their borders.
#
# Guess:  mean distance of the two borders, 1.5 for a square of 6 pixels shifted by 3 (as MONAI and the papers on surfaces have it).
# Seen:   SimpleITK 2.5.2: 1.0, the mean over all pixels, of which half lie in the other square and count 0; the larger the objects, the better the score.
# So:     extract contours (LabelContour) first where surface distances are meant.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/env"
"$folder/env/bin/python" -m pip install --quiet --disable-pip-version-check SimpleITK==2.5.2 numpy==1.26.4 scipy==1.15.3
cd "$folder"
export GLOG_v=3
"$folder/env/bin/python" - <<'PY'
import numpy as np
import SimpleITK as sitk
from scipy.ndimage import binary_erosion, distance_transform_edt

first, second = np.zeros((30, 30), np.uint8), np.zeros((30, 30), np.uint8)
first[2:8, 2:8] = second[2:8, 5:11] = 1
distance = sitk.HausdorffDistanceImageFilter()
distance.Execute(sitk.GetImageFromArray(first), sitk.GetImageFromArray(second))
edge = lambda mask: (mask > 0) & ~binary_erosion(mask)
pixels = distance_transform_edt(second == 0)[first > 0].mean()
borders = distance_transform_edt(~edge(second))[edge(first)].mean()
print(sitk.Version_VersionString(), distance.GetAverageHausdorffDistance(), "pixels", pixels, "borders", borders)
assert abs(distance.GetAverageHausdorffDistance() - pixels) < 1e-6 and abs(borders - 1.5) < 1e-6 and pixels == 1
PY
