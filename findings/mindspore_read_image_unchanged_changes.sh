#!/usr/bin/env bash
# MindSpore's read_image drops alpha and colours label images although told to leave the image UNCHANGED.
#
# Guess:  UNCHANGED gives four channels of an RGBA file, and the numbers of a palette file.
# Seen:   mindspore 2.10.0: three channels of four, without a word; of a palette image the colours, (H, W, 3), not the class numbers.
# So:     masks with a palette must be read by something else, and so must a fourth channel.
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

four = np.arange(48, dtype=np.uint8).reshape(3, 4, 4) * 5
Image.fromarray(four, "RGBA").save("four.png")
classes = Image.new("P", (4, 3))
classes.putpalette([0, 0, 0, 255, 0, 0, 0, 255, 0])
classes.putdata([0, 1, 2, 1] * 3)
classes.save("classes.png")
read = lambda name: np.asarray(vision.read_image(name, vision.ImageReadMode.UNCHANGED))
image, mask = read("four.png"), read("classes.png")
print(mindspore.__version__, image.shape, mask.shape, mask[0].tolist())
assert image.shape == (3, 4, 3) and (image == four[..., :3]).all()
assert mask.shape == (3, 4, 3) and mask[0].tolist() == [[0, 0, 0], [255, 0, 0], [0, 255, 0], [255, 0, 0]]
PY
