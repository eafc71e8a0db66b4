#!/usr/bin/env bash
# MindSpore's one_hot gives a pixel of an unknown class no class at all.
#
# Guess:  a class number that is too large is an error, as in PyTorch.
# Seen:   mindspore 2.10.0, CPU: a row of zeros for 5 of three classes, without a word; a Dice loss on it counts such pixels as nothing but does not leave them out.
# So:     check the largest class number of the masks beforehand.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/env"
"$folder/env/bin/python" -m pip install --quiet --disable-pip-version-check mindspore==2.10.0 'numpy==1.26.4' 'setuptools<81'
cd "$folder"
export GLOG_v=3
"$folder/env/bin/python" - <<'PY'
import mindspore
import numpy as np
from mindspore import Tensor, ops

rows = ops.one_hot(Tensor(np.array([0, 5, 2], np.int32)), 3, Tensor(1.0), Tensor(0.0)).asnumpy()
print(mindspore.__version__, rows.tolist())
assert rows.tolist() == [[1, 0, 0], [0, 0, 0], [0, 0, 1]]
PY
