#!/usr/bin/env bash
# roifile counts characters where ImageJ counts 16-bit units: a name with an emoji loses its end.
#
# Guess:  a name comes back as it was written, and so do the properties.
# Seen:   roifile 2026.2.10: 'cell 😀 x' comes back as 'cell 😀 '; with properties behind it the file cannot be read: UnicodeDecodeError.
# So:     keep characters beyond U+FFFF out of names and properties, or escape them (JSON in ASCII).
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/env"
"$folder/env/bin/python" -m pip install --quiet --disable-pip-version-check roifile==2026.2.10 numpy==2.4.6
"$folder/env/bin/python" - <<'PY'
import numpy as np
import roifile

roi = roifile.ImagejRoi.frompoints(np.array([[1, 1], [5, 1], [5, 5]]), name="cell 😀 x")
back = roifile.ImagejRoi.frombytes(roi.tobytes())
print(roifile.__version__, repr(back.name))
assert back.name == "cell 😀 ", back.name
roi.props = "a: 😀😀bc"
try:
    roifile.ImagejRoi.frombytes(roi.tobytes())
except UnicodeDecodeError as error:
    print(error)
else:
    raise AssertionError("it can be read now")
PY
