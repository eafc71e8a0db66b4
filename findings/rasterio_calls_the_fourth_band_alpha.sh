#!/usr/bin/env bash
# rasterio marks the fourth of four uint8 bands as alpha.
#
# Guess:  four bands written without options are four bands of unspecified meaning.
# Seen:   rasterio 1.4.3 (GDAL in its wheel): photometric RGB with an unassociated alpha channel, so readers that drop alpha drop a measured channel.
# So:     pass photometric="MINISBLACK" and ALPHA="NO" for channels that are no colours.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/env"
"$folder/env/bin/python" -m pip install --quiet --disable-pip-version-check rasterio==1.4.3 tifffile==2026.3.3 numpy==2.4.6
cd "$folder"
"$folder/env/bin/python" - <<'PY'
import warnings

import numpy as np
import rasterio
import tifffile

warnings.simplefilter("ignore")
found = {}
for name, options in (("plain", {}), ("told", {"photometric": "MINISBLACK", "ALPHA": "NO"})):
    with rasterio.open(f"{name}.tif", "w", driver="GTiff", width=64, height=64, count=4, dtype="uint8", **options) as f:
        f.write(np.zeros((4, 64, 64), np.uint8))
    with tifffile.TiffFile(f"{name}.tif") as tif:
        page = tif.pages[0]
        found[name] = (page.photometric.name, tuple(e.name for e in page.extrasamples))
print(rasterio.__version__, found)
assert found["plain"] == ("RGB", ("UNASSALPHA",)), found
assert found["told"][0] == "MINISBLACK" and "UNASSALPHA" not in found["told"][1], found
PY
