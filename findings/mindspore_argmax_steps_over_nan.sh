#!/usr/bin/env bash
# MindSpore's argmax and amax pass over NaN on the CPU, and sort does not sort with one.
#
# Guess:  as in NumPy and PyTorch: argmax points at the NaN, amax is NaN, sort puts it last.
# Seen:   mindspore 2.10.0, CPU: argmax([1, nan, 3]) is 2, amax 3, and sort([2, nan, 1]) returns the numbers as they came.
# So:     a network that has become NaN in one class still gives a mask; look for NaN before the decision.
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

x = np.array([1, np.nan, 3], np.float32)
place, largest = int(ops.argmax(Tensor(x))), float(ops.amax(Tensor(x)))
ordered = ops.sort(Tensor(np.array([2, np.nan, 1], np.float32)))[0].asnumpy()
print(mindspore.__version__, place, largest, ordered, "NumPy:", np.argmax(x), np.amax(x))
assert (place, largest) == (2, 3.0) and np.argmax(x) == 1 and np.isnan(np.amax(x))
assert ordered[0] == 2 and np.isnan(ordered[1]) and ordered[2] == 1
PY
