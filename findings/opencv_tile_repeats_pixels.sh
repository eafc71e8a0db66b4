#!/usr/bin/env bash
# OpenCV 4.11's dnn computes a Tile along the last axis wrongly, with the right shape.
#
# Guess:  Tile with the repeats (1, 1, 1, 2) gives what numpy.tile gives, in OpenCV as in ONNX Runtime, or is refused.
# Seen:   opencv-python 4.11.0.86 answers without a word and with the right shape, and other pixels; with (1, 1, 2, 2) they are right. ONNX Runtime 1.22.1 gives numpy.tile's.
# So:     compare another reader's numbers, not only whether it reads; repeat with Concat.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/env"
"$folder/env/bin/python" -m pip install --quiet --disable-pip-version-check opencv-python-headless==4.11.0.86 onnxruntime==1.22.1 onnx==1.18.0 'numpy<2.3'
cd "$folder"
"$folder/env/bin/python" - <<'PY'
import cv2
import numpy as np
import onnx
import onnxruntime
from onnx import TensorProto, helper, numpy_helper

repeats = numpy_helper.from_array(np.array([1, 1, 1, 2], np.int64), "repeats")
tensor = lambda name, width: helper.make_tensor_value_info(name, TensorProto.FLOAT, [1, 1, 2, width])
graph = helper.make_graph([helper.make_node("Tile", ["x", "repeats"], ["y"])], "g", [tensor("x", 2)], [tensor("y", 4)], [repeats])
model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
onnx.checker.check_model(model, full_check=True)
x = np.arange(4, dtype=np.float32).reshape(1, 1, 2, 2)
session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
runtime = session.run(None, {"x": x})[0]
net = cv2.dnn.readNetFromONNX(np.frombuffer(model.SerializeToString(), np.uint8))
net.setInput(x)
opencv = net.forward()
print("OpenCV", cv2.__version__, opencv[0, 0].tolist())
print("ONNX Runtime", onnxruntime.__version__, runtime[0, 0].tolist())
assert np.array_equal(runtime, np.tile(x, (1, 1, 1, 2)))
assert opencv.shape == runtime.shape and not np.array_equal(opencv, runtime), opencv
PY
