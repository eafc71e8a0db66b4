#!/usr/bin/env bash
# MindSpore reports an operation that the CPU cannot do at the next call, as that one's fault.
#
# Guess:  the operation itself raises, or the first that needs its value.
# Seen:   mindspore 2.10.0: uint16 times a float raises nothing; the sum of two float32 numbers afterwards fails with 'Select CPU operator[Mul] fail', and the same sum works when it is asked for again.
# So:     convert uint16 images before any arithmetic; when an error makes no sense, look one step back (or mindspore.runtime.launch_blocking()).
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
from mindspore import Tensor


def tried(work):
    try:
        return str(work())
    except Exception as error:
        return f"{type(error).__name__}: {error}".splitlines()[0]


kept = []
first = tried(lambda: kept.append(Tensor(np.uint16([5])) * 0.5))
innocent = lambda: (Tensor(np.float32([1])) + 1).asnumpy()
second, third = tried(innocent), tried(innocent)
print(mindspore.__version__, first, "|", second, "|", third)
assert first == "None" and "operator[Mul]" in second and third == "[2.]"
PY
