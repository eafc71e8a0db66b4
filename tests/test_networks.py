"""Each network trains through `fit`, in both ways of feeding it."""

import numpy as np
import pytest

from unet_nb.config.recipes import load_params
from unet_nb.training.fit import fit

pytestmark = pytest.mark.slow

TINY = {
    "data_path": "",
    "device_target": "CPU",
    "demo_slices": 5,
    "demo_size": 96,
    "base_channels": 4,
    "batch_size": 2,
    "epochs": 1,
    "repeat": 1,
    "run_eval": False,
}


@pytest.mark.parametrize(
    "recipe, overrides",
    [
        ("unet_medical", {"image_size": [188, 188], "crop": [4, 4]}),
        ("unet_medical", {"crop": None, "crop_size": [204, 204]}),
        ("unet_simple", {"image_size": [64, 64], "use_deconv": False, "loss": "focal"}),
        ("unet_nested", {"image_size": [64, 64], "depth": 2}),
        ("demo", {"crop_size": [64, 64], "num_channels": 3, "tta": True, "num_classes": 3, "loss": "lovasz"}),
    ],
)
def test_network_trains(recipe, overrides, tmp_path):
    run = fit(load_params(recipe, **TINY | {"output_path": str(tmp_path)} | overrides))
    assert run.status["state"] == "done" and len(run.history) == 1
    assert np.isfinite(run.metrics["dice_coeff"]) and run.metrics["per_image"][0]["pixel_accuracy"] <= 1
