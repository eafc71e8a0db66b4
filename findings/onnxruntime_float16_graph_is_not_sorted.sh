#!/usr/bin/env bash
# onnxruntime's float16 conversion writes a graph that onnx's own checker refuses.
#
# Guess:  convert_float_to_float16 of a valid model gives a valid model.
# Seen:   onnxruntime 1.22.1: the Cast of the input is appended as the last but one node, behind its users; onnx.checker says 'Nodes in a graph must be topologically sorted'. ONNX Runtime runs the file all the same, other readers need not.
# So:     sort the nodes and check the file before handing it on.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/env"
"$folder/env/bin/python" -m pip install --quiet --disable-pip-version-check onnxruntime==1.22.1 onnx==1.18.0 'numpy<2.3' sympy coloredlogs
cd "$folder"
"$folder/env/bin/python" - <<'PY'
import numpy as np
import onnx
import onnxruntime
from onnx import TensorProto, helper, numpy_helper
from onnxruntime.transformers.float16 import convert_float_to_float16

weight = numpy_helper.from_array(np.ones((4, 1, 3, 3), np.float32), "w")
nodes = [helper.make_node("Conv", ["x", "w"], ["c"], pads=[1, 1, 1, 1]), helper.make_node("Relu", ["c"], ["y"])]
shape = lambda name, channels: helper.make_tensor_value_info(name, TensorProto.FLOAT, [1, channels, 8, 8])
graph = helper.make_graph(nodes, "g", [shape("x", 1)], [shape("y", 4)], [weight])
model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
onnx.checker.check_model(model, full_check=True)
half = convert_float_to_float16(model, keep_io_types=True)
order = [node.op_type for node in half.graph.node]
try:
    onnx.checker.check_model(half, full_check=True)
    said = "valid"
except onnx.checker.ValidationError as error:
    said = str(error).splitlines()[0]
session = onnxruntime.InferenceSession(half.SerializeToString(), providers=["CPUExecutionProvider"])
out = session.run(None, {"x": np.ones((1, 1, 8, 8), np.float32)})[0]
print(onnxruntime.__version__, order, said, out.shape)
assert order != sorted(order, key=lambda kind: kind != "Cast") and "sorted" in said, (order, said)
PY
