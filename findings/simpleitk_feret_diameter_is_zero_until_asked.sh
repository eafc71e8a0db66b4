#!/usr/bin/env bash
# SimpleITK's shape statistics say 0 for a Feret diameter that was not asked for beforehand.
#
# Guess:  the diameter, or an error.
# Seen:   SimpleITK 2.5.2: GetFeretDiameter is 0.0 for a square of 10 pixels, 12.73 after ComputeFeretDiameterOn; perimeter, roundness and the rest are there without asking.
# So:     switch it on before Execute.
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

square = np.zeros((20, 20), np.uint8)
square[5:15, 5:15] = 1
shapes = sitk.LabelShapeStatisticsImageFilter()
shapes.Execute(sitk.GetImageFromArray(square))
unasked, perimeter = shapes.GetFeretDiameter(1), shapes.GetPerimeter(1)
shapes.ComputeFeretDiameterOn()
shapes.Execute(sitk.GetImageFromArray(square))
asked = shapes.GetFeretDiameter(1)
print(sitk.Version_VersionString(), unasked, asked, perimeter)
assert unasked == 0.0 and abs(asked - 162**0.5) < 1e-6 and perimeter > 30
PY
