"""A BioImage.IO package in bioimageio.core, which is no dependency of the kit.

    python -m venv core && core/bin/pip install "bioimageio.core==0.11.0" "pydantic<2.14" onnxruntime
    core/bin/python tests/package_in_core.py unet.zip …

For each package: validation and test as `bioimageio test` does them, then an image larger than a block, computed whole
and in blocks of two sizes, and how far these are from each other. The exit code is 1 if a package fails.
"""

import sys

import bioimageio.core
import numpy as np
from bioimageio.core import Sample, Tensor, create_prediction_pipeline, load_model_description, test_description
from bioimageio.spec.utils import load_array


def tiled(model) -> np.ndarray:
    "The package's test image (N, C, H, W), mirrored to twice its size."
    image = load_array(model.inputs[0].test_tensor)
    return np.pad(image, [(0, 0), (0, 0), *((0, n) for n in image.shape[2:])], mode="symmetric")


def answer(predict, model, image: np.ndarray) -> np.ndarray:
    about = model.inputs[0]
    tensor = Tensor.from_numpy(image.copy(), dims=[str(axis.id) for axis in about.axes])
    found = predict(Sample(members={about.id: tensor}, stat={}, id="image"))
    return np.asarray(next(iter(found.members.values())).data)


def main() -> None:
    failed = False
    print("bioimageio.core", bioimageio.core.__version__)
    for package in sys.argv[1:]:
        summary = test_description(package)
        errors = [entry.msg for detail in summary.details for entry in detail.errors]
        failed |= summary.status != "passed"
        print(package, summary.status, *errors)
        model = load_model_description(package)
        image = tiled(model)
        with create_prediction_pipeline(model) as pipeline:
            whole = answer(pipeline.predict_sample_without_blocking, model, image)
            for n in (1, 5):
                blocks = answer(lambda sample: pipeline.predict_sample_with_blocking(sample, ns=n), model, image)
                inner = tuple(slice(150, -150) if i > 1 else slice(None) for i in range(4))  # pads differ at the border
                print(f"   blocks of size parameter {n}: {np.abs(blocks - whole)[inner].max():.1e} from the whole")
    sys.exit(failed)


if __name__ == "__main__":
    main()
