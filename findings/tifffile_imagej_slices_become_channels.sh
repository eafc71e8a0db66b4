#!/usr/bin/env bash
# tifffile's ImageJ files call the first axis of a plain stack channels.
#
# Guess:  imwrite(stack of shape (30, 64, 64), imagej=True) is a stack of 30 slices in ImageJ.
# Seen:   tifffile 2026.3.3 writes channels=30 into the ImageJ description, and series.axes is CYX.
# So:     name the axes: metadata={"axes": "ZYX"} writes slices=30.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/env"
"$folder/env/bin/python" -m pip install --quiet --disable-pip-version-check tifffile==2026.3.3 numpy==2.4.6
cd "$folder"
"$folder/env/bin/python" - <<'PY'
import numpy as np
import tifffile

found = {}
for how in ({}, {"metadata": {"axes": "ZYX"}}):
    tifffile.imwrite("stack.tif", np.zeros((30, 64, 64), np.uint16), imagej=True, **how)
    with tifffile.TiffFile("stack.tif") as tif:
        facts = tif.imagej_metadata
        found[bool(how)] = (tif.series[0].axes, facts.get("channels"), facts.get("slices"))
print(tifffile.__version__, found)
assert found == {False: ("CYX", 30, None), True: ("ZYX", None, 30)}, found
PY
