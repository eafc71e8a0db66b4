#!/usr/bin/env bash
# tifffile marks a stack of three or four slices as one colour picture.
#
# Guess:  imwrite of a uint8 array (3, 64, 80) writes three grey pages; of (4, 64, 80) four.
# Seen:   tifffile 2026.3.3: (3, 64, 80) becomes one RGB picture in planes, (4, 64, 80) RGB with the last slice as alpha; (5, 64, 80) five grey pages.
# So:     pass photometric="minisblack" or metadata={"axes": "ZYX"} for every stack; a reader cannot tell the two apart afterwards.
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
for slices in (3, 4, 5):
    tifffile.imwrite("stack.tif", np.zeros((slices, 64, 80), np.uint8))
    with tifffile.TiffFile("stack.tif") as tif:
        page = tif.pages[0]
        found[slices] = (len(tif.pages), page.photometric.name, tuple(e.name for e in page.extrasamples))
print(tifffile.__version__, found)
assert found == {3: (1, "RGB", ()), 4: (1, "RGB", ("UNASSALPHA",)), 5: (5, "MINISBLACK", ())}, found
PY
