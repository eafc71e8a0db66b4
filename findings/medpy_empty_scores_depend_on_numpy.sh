#!/usr/bin/env bash
# What medpy says of an image that has nothing, and in which nothing was found, depends on the version of NumPy.
#
# Guess:  one convention, undefined or perfect, for all scores.
# Seen:   medpy 0.5.2 with NumPy 1.26.4: Dice and Jaccard 1.0, precision and recall 0.0; with NumPy 2.4.6: Jaccard 1.0, the
#         other three NaN, with a warning. (It divides by numbers that are Python's in one and NumPy's in the other.)
# So:     leave such images out before a mean is taken, or say which of the conventions a table has.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
for numpy in 1.26.4 2.4.6; do
    python3 -m venv "$folder/env$numpy"
    "$folder/env$numpy/bin/python" -m pip install --quiet --disable-pip-version-check medpy==0.5.2 numpy==$numpy
    (cd "$folder" && "$folder/env$numpy/bin/python" -W ignore - <<'PY')
import numpy as np
from medpy.metric import binary

nothing = np.zeros((8, 8), bool)
scores = {name: float(getattr(binary, name)(nothing, nothing)) for name in ("dc", "jc", "precision", "recall")}
print("NumPy", np.__version__, scores)
old = {"dc": 1.0, "jc": 1.0, "precision": 0.0, "recall": 0.0}
new = "{'dc': nan, 'jc': 1.0, 'precision': nan, 'recall': nan}"
assert scores == old if np.__version__.startswith("1.") else str(scores) == new, scores
PY
done
