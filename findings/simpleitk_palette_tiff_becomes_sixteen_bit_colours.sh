#!/usr/bin/env bash
# SimpleITK turns a label TIFF with a palette into 16-bit colours that are not quite the palette's.
#
# Guess:  the class numbers, or 8-bit colours as of the same image as PNG.
# Seen:   SimpleITK 2.5.2: uint16 with 65280 for 255 (Pillow writes 8-bit colours times 256 into the colour map); of the PNG uint8 with 255. The class numbers are gone in both.
# So:     read masks with a palette by tifffile or Pillow.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/env"
"$folder/env/bin/python" -m pip install --quiet --disable-pip-version-check SimpleITK==2.5.2 pillow==11.3.0 numpy==1.26.4
cd "$folder"
export GLOG_v=3
"$folder/env/bin/python" - <<'PY'
import numpy as np
import SimpleITK as sitk
from PIL import Image

classes = Image.new("P", (3, 1))
classes.putpalette([0, 0, 0, 255, 0, 0, 0, 255, 0])
classes.putdata([0, 1, 2])
found = {}
for name in ("mask.tif", "mask.png"):
    classes.save(name)
    found[name] = sitk.GetArrayFromImage(sitk.ReadImage(name))
print(sitk.Version_VersionString(), {name: (str(a.dtype), a.tolist()) for name, a in found.items()})
assert found["mask.tif"].dtype == np.uint16 and found["mask.tif"][0].tolist() == [[0] * 3, [65280, 0, 0], [0, 65280, 0]]
assert found["mask.png"].dtype == np.uint8 and found["mask.png"][0].tolist() == [[0] * 3, [255, 0, 0], [0, 255, 0]]
PY
