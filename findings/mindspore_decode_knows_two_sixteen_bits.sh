#!/usr/bin/env bash
# MindSpore's Decode makes two different 8-bit images of one 16-bit file.
#
# Guess:  a 16-bit PNG stays 16 bit, or both ways of decoding scale it alike.
# Seen:   mindspore 2.10.0: Decode() keeps the upper byte (100 … 3400 become 0 … 13), Decode(to_pil=True) cuts at 255 (100, 255, 255 …); both give three channels, neither says a word. read_image with UNCHANGED keeps 16 bit.
# So:     of microscopes' files nothing is left; read them with another library and hand over arrays.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/env"
"$folder/env/bin/python" -m pip install --quiet --disable-pip-version-check mindspore==2.10.0 'numpy==1.26.4' 'setuptools<81' pillow==12.3.0
cd "$folder"
export GLOG_v=3
"$folder/env/bin/python" - <<'PY'
import numpy as np
import mindspore
import mindspore.dataset.vision as vision
from PIL import Image

pixels = np.arange(12, dtype=np.uint16).reshape(3, 4) * 300 + 100
Image.fromarray(pixels).save("image.png")
file = np.fromfile("image.png", np.uint8)
native = np.asarray(vision.Decode()(file))
pillow = np.asarray(vision.Decode(to_pil=True)(file))
whole = np.asarray(vision.read_image("image.png", vision.ImageReadMode.UNCHANGED))
print(mindspore.__version__, native[..., 0].tolist(), pillow[..., 0].tolist(), whole[..., 0].tolist())
assert native.dtype == pillow.dtype == np.uint8 and native.shape == pillow.shape == (3, 4, 3)
assert (native[..., 0] == pixels // 256).all() and (pillow[..., 0] == np.minimum(pixels, 255)).all()
assert (whole[..., 0] == pixels).all()
PY
