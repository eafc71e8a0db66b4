#!/usr/bin/env bash
# SimpleITK takes the last of four axes for colours, and the last of three for columns.
#
# Guess:  an array of n axes becomes an image of n axes, unless isVector says otherwise.
# Seen:   SimpleITK 2.5.2: (4, 5, 3) is a volume; (2, 4, 5, 3), or a time series of volumes (T, Z, Y, X), is a volume with as many components as there are columns.
# So:     say isVector, always.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/env"
"$folder/env/bin/python" -m pip install --quiet --disable-pip-version-check SimpleITK==2.5.2 numpy==1.26.4
cd "$folder"
export GLOG_v=3
"$folder/env/bin/python" - <<'PY'
import numpy as np
import SimpleITK as sitk

facts = lambda image: (image.GetSize(), image.GetNumberOfComponentsPerPixel())
three = facts(sitk.GetImageFromArray(np.zeros((4, 5, 3), np.uint8)))
series = facts(sitk.GetImageFromArray(np.zeros((2, 4, 5, 6), np.uint8)))
told = facts(sitk.GetImageFromArray(np.zeros((2, 4, 5, 6), np.uint8), isVector=False))
print(sitk.Version_VersionString(), three, series, told)
assert three == ((3, 5, 4), 1) and series == ((5, 4, 2), 6) and told == ((6, 5, 4, 2), 1)
PY
