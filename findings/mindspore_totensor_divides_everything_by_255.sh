#!/usr/bin/env bash
# MindSpore's ToTensor divides by 255 whatever the type of the numbers is.
#
# Guess:  as in torchvision: 8 bit becomes 0 … 1, other types keep their values, or each type is divided by its own range.
# Seen:   mindspore 2.10.0: uint16 0 … 65535 becomes 0 … 257, and a float image that lies in 0 … 1 already becomes 0 … 0.0039.
# So:     scale by hand; a second scaling of floats goes unnoticed, since nothing is out of range.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/env"
"$folder/env/bin/python" -m pip install --quiet --disable-pip-version-check mindspore==2.10.0 'numpy==1.26.4' 'setuptools<81'
cd "$folder"
export GLOG_v=3
"$folder/env/bin/python" - <<'PY'
import numpy as np
import mindspore
import mindspore.dataset.vision as vision

to_tensor = vision.ToTensor()
eight = to_tensor(np.array([[0, 255]], np.uint8))
sixteen = to_tensor(np.array([[0, 65535]], np.uint16))
floats = to_tensor(np.array([[0, 1]], np.float32))
print(mindspore.__version__, eight.ravel(), sixteen.ravel(), floats.ravel())
assert np.allclose(eight.ravel(), [0, 1]) and np.allclose(sixteen.ravel(), [0, 257])
assert np.allclose(floats.ravel(), [0, 1 / 255])
PY
