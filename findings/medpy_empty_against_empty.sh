#!/usr/bin/env bash
# medpy scores an image that has nothing, and in which nothing was found, with Dice 1 and recall 0.
#
# Guess:  both are undefined, or both are perfect.
# Seen:   medpy 0.5.2: dc and jc give 1.0, precision and recall (sensitivity) give 0.0, without a warning.
# So:     leave such images out before a mean is taken, or say which of the two conventions a table has.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/env"
"$folder/env/bin/python" -m pip install --quiet --disable-pip-version-check medpy==0.5.2
cd "$folder"
"$folder/env/bin/python" - <<'PY'
import numpy as np
from medpy.metric import binary

nothing = np.zeros((8, 8), bool)
scores = {name: float(getattr(binary, name)(nothing, nothing)) for name in ("dc", "jc", "precision", "recall")}
print(scores)
assert scores == {"dc": 1.0, "jc": 1.0, "precision": 0.0, "recall": 0.0}, scores
PY
