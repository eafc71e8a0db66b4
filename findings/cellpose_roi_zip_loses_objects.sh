#!/usr/bin/env bash
# Cellpose's outlines, which its ROI zip and its outline text hold, drop small objects, holes and all pieces but one.
#
# Guess:  each label becomes one outline; a label in two pieces two of them.
# Seen:   cellpose 4.2.1.1: a label of 2 x 2 pixels becomes an empty outline and is not written; of two pieces the longer outline
#         stays; a hole is filled. The outline runs through the centres of the outermost pixels: 10 x 10 pixels span 9 x 9.
# So:     take the label image (_cp_masks) where it is there; of a ROI zip say where the outlines run.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/env"
pip="$folder/env/bin/python -m pip"
$pip install --quiet --disable-pip-version-check opencv-python-headless==4.14.0.94 numpy==2.4.6
$pip download --quiet --disable-pip-version-check --no-deps --dest "$folder" cellpose==4.2.1.1 # the package imports torch
cd "$folder"
"$folder/env/bin/python" - <<'PY'
import ast
import glob
import zipfile

import cv2
import numpy as np

source = zipfile.ZipFile(glob.glob("cellpose-*.whl")[0]).read("cellpose/utils.py")
tree = ast.parse(source)
tree.body = [n for n in tree.body if isinstance(n, ast.FunctionDef) and n.name == "outlines_list_single"]
given = {"np": np, "cv2": cv2}
exec(compile(tree, "utils.py", "exec"), given)
labels = np.zeros((32, 48), np.uint16)
labels[2:4, 2:4] = 1  # small
labels[10:20, 10:20], labels[13:16, 13:16] = 2, 0  # a hole
labels[2:6, 20:30] = labels[20:22, 30:33] = 3  # two pieces
outlines = given["outlines_list_single"](labels)
print([len(o) for o in outlines], np.ptp(outlines[1], axis=0))
assert [len(o) for o in outlines] == [0, 36, 24] and np.ptp(outlines[1], axis=0).tolist() == [9, 9]
PY
