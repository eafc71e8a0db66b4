#!/usr/bin/env bash
# MindSpore's CenterCrop and Resize take other pixels of a PIL image than of the same array.
#
# Guess:  one transform with the same arguments gives the same pixels, whatever holds them.
# Seen:   mindspore 2.10.0: CenterCrop(4) of 7 columns takes 1 … 4 of an array and 2 … 5 of a PIL image; Resize to 3 with Inter.NEAREST takes columns 0, 2, 4 of an array and 1, 3, 5 of a PIL image.
# So:     an image decoded as an array and a mask opened with PIL are shifted against each other: use one kind for both.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/env"
"$folder/env/bin/python" -m pip install --quiet --disable-pip-version-check mindspore==2.10.0 'numpy==1.26.4' 'setuptools<81' pillow==12.3.0
cd "$folder"
export GLOG_v=3
"$folder/env/bin/python" - <<'PY'
import numpy as np
import mindspore
import mindspore.dataset.vision as vision
from PIL import Image

columns = np.arange(7, dtype=np.uint8)[None].repeat(7, 0)
seen = {}
for name, transform in {"crop": vision.CenterCrop(4), "nearest": vision.Resize((3, 3), vision.Inter.NEAREST)}.items():
    seen[name] = [
        np.asarray(transform(columns[..., None].copy()))[0, :, 0].tolist(),
        np.asarray(transform(Image.fromarray(columns)))[0].tolist(),
    ]
print(mindspore.__version__, seen)
assert seen == {"crop": [[1, 2, 3, 4], [2, 3, 4, 5]], "nearest": [[0, 2, 4], [1, 3, 5]]}
PY
