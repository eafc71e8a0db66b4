#!/usr/bin/env bash
# albumentations' brightness and contrast make a float image of counts white.
#
# Guess:  float values are scaled and shifted, whatever their range, or refused.
# Seen:   albumentations 1.4.24: an image of the constant 100.0 comes back as 1.0 everywhere, without a warning; float32 is taken for 0 … 1. Normalize divides uint16 by 255.
# So:     bring counts to 0 … 1 first, by statistics that all images share.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/env"
"$folder/env/bin/python" -m pip install --quiet --disable-pip-version-check albumentations==1.4.24 opencv-python-headless==4.11.0.86 numpy==1.26.4
cd "$folder"
export GLOG_v=3
"$folder/env/bin/python" - <<'PY'
import os

os.environ["NO_ALBUMENTATIONS_UPDATE"] = "1"
import albumentations
import numpy as np

counts = np.full((4, 4), 100, np.float32)
bright = albumentations.RandomBrightnessContrast(p=1)(image=counts)["image"]
sixteen = albumentations.Normalize(mean=0, std=1)(image=np.full((4, 4), 65535, np.uint16))["image"]
print(albumentations.__version__, np.unique(bright), np.unique(sixteen))
assert (bright == 1).all() and np.allclose(sixteen, 257)
PY
