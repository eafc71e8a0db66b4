#!/usr/bin/env bash
# mrcfile stores an 8-bit image as 16 bit.
#
# Guess:  uint8 is kept, or refused as bool, int32 and float64 are.
# Seen:   mrcfile 1.5.4: uint8 comes back as uint16 (MRC's mode 6), since MRC's only type of one byte is signed; nothing is said, the file is twice as large, and a reader that scales by the type sees an image of 1/257 brightness.
# So:     scale by the values, not by the type, where a set came through MRC files.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/env"
"$folder/env/bin/python" -m pip install --quiet --disable-pip-version-check mrcfile==1.5.4 numpy==1.26.4
cd "$folder"
export GLOG_v=3
"$folder/env/bin/python" - <<'PY'
import mrcfile
import numpy as np

with mrcfile.new("image.mrc") as file:
    file.set_data(np.array([[0, 200]], np.uint8))
with mrcfile.open("image.mrc") as file:
    data, mode = file.data.copy(), int(file.header.mode)
print(mrcfile.__version__, data.dtype, mode, data.tolist())
assert data.dtype == np.uint16 and mode == 6 and data.tolist() == [[0, 200]]
PY
