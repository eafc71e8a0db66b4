#!/usr/bin/env bash
# MindSpore's DiceLoss divides by sums of squares, where its documentation has plain sums.
#
# Guess:  1 - 2·|pred ∩ true| / (|pred| + |true|), as its docstring says: 1/3 for probabilities of 0.5 where all is true.
# Seen:   mindspore 2.10.0: 0.2, which is 1 - 2·2 / (4·0.25 + 4): the squared form of V-Net.
# So:     values and gradients are another loss's than those of papers and peers with plain sums; compare nothing across.
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
from mindspore import Tensor, nn

loss = float(nn.DiceLoss()(Tensor(np.full((2, 2), 0.5, np.float32)), Tensor(np.ones((2, 2), np.float32))))
documented, squared = 1 - 2 * 2 / (2 + 4), 1 - 2 * 2 / (4 * 0.25 + 4)
print(mindspore.__version__, loss, "documented", documented, "with squares", squared)
assert abs(loss - squared) < 1e-4 < abs(loss - documented)
PY
