#!/usr/bin/env bash
# read-roi rounds the sub-pixel outlines of ImageJ ROI files to whole pixels.
#
# Guess:  the coordinates as they are in the file, 1.5 and 2.25.
# Seen:   read-roi 1.6.0: whole numbers, 2 and 2, although the file (options: sub-pixel resolution) holds the fractions, which roifile reads.
# So:     outlines of half a pixel's precision, as StarDist and Cellpose export them, need roifile.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/env"
"$folder/env/bin/python" -m pip install --quiet --disable-pip-version-check read-roi==1.6.0 roifile==2025.5.10 numpy==1.26.4
cd "$folder"
export GLOG_v=3
"$folder/env/bin/python" - <<'PY'
import read_roi
import roifile

points = [[1.5, 2.25], [5.5, 2.25], [5.5, 6.75]]
roifile.ImagejRoi.frompoints(points).tofile("cell.roi")
true = roifile.ImagejRoi.fromfile("cell.roi").coordinates().tolist()
found = read_roi.read_roi_file("cell.roi")["cell"]
print(roifile.__version__, true, [found["x"], found["y"]])
assert true == points and found["x"] == [2, 6, 6] and found["y"] == [2, 2, 7]
PY
