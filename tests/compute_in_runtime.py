"""Answers and times of ONNX files in whatever runtime an interpreter has; `measure_runtimes.py` calls it.

`python compute_in_runtime.py FOLDER onnxruntime|opencv NAME` needs NumPy and that runtime. FOLDER/work.json lists
models, each with its inputs (files of raw float32, and shapes); beside an input goes its answer as raw float32, INPUT.
MODEL.NAME, and NAME.json holds version, processor seconds and, where a model cannot be computed, why. One thread.
"""

import json
import statistics
import sys
import time
from pathlib import Path

import numpy as np

ROUNDS = 5


def with_onnxruntime(model: Path):
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(str(model), options, providers=["CPUExecutionProvider"])
    return onnxruntime.__version__, lambda x: session.run(None, {"image": x})[0]


def with_opencv(model: Path):
    import cv2

    cv2.setNumThreads(1)
    nets = {}

    def forward(x: np.ndarray) -> np.ndarray:
        if x.shape not in nets:  # a net keeps the sizes of its first input
            nets[x.shape] = cv2.dnn.readNetFromONNX(str(model))
        nets[x.shape].setInput(x)
        return nets[x.shape].forward()

    return cv2.__version__, forward


def main(folder: Path, runtime: str, name: str) -> None:
    found, forwards, work = {"seconds": {}, "refused": {}}, {}, json.loads((folder / "work.json").read_text())
    for model, inputs in work.items():
        x = None
        try:
            found["version"], forward = {"onnxruntime": with_onnxruntime, "opencv": with_opencv}[runtime](
                folder / model
            )
            for file, shape in inputs:
                x = np.fromfile(folder / file, np.float32).reshape(shape)
                np.asarray(forward(x), np.float32).tofile(folder / f"{file}.{Path(model).stem}.{name}")
            forwards[model] = forward, x  # the last one is a whole image
        except Exception as e:
            found["refused"][model] = " ".join(str(e).split())[:300]
    times = {model: [] for model in forwards}
    for _ in range(ROUNDS):  # in turn
        for model, (forward, x) in forwards.items():
            start = time.process_time()
            forward(x)
            times[model].append(time.process_time() - start)
    found["seconds"] = {model: statistics.median(seconds) for model, seconds in times.items()}
    (folder / f"{name}.json").write_text(json.dumps(found, indent=1))


if __name__ == "__main__":
    main(Path(sys.argv[1]), *sys.argv[2:])
