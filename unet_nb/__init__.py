"""Segment images with few labels: U-Net and UNet++ on MindSpore, from notebook to ONNX."""

import importlib
import os
from typing import Any

# All are read by MindSpore when it starts, so they are set here, before any room imports it.
# On processors with AVX-512, MindSpore 2.10's oneDNN takes a reference kernel for plain-layout convolutions; with AVX2 it
# takes the fast GEMM kernel (here 0.3 s instead of 10 s a training step). A value set by the user wins.
os.environ.setdefault("ONEDNN_MAX_CPU_ISA", "AVX2")
# While a graph runs, MindSpore 2.10 lets the Python thread wait in a busy loop, which takes a core from the kernels (on two
# cores: half of the processor time of a training step). Run by the Python thread itself, the graph gives the same numbers.
os.environ.setdefault("MS_DEV_HOST_BLOCKING_RUN", "1")
# Without it, compiling a graph inside a notebook kernel prints harmless "[ERROR] GetRealPath" lines.
os.environ.setdefault("GLOG_v", "4")

# What the kit offers, and the room each name lives in; a room is loaded when its name is first used.
_FACE = {
    "load_params": "config.recipes",
    "load_split": "data.pipeline",
    "create_model": "models.registry",
    "fit": "training.fit",
    "evaluate": "training.evaluate",
    "load_predictor": "inference.files",
    "predict_files": "inference.files",
    "OnnxPredictor": "inference.predictor",
    "export": "exporting.export",
    "Run": "runs.folder",
    "list_runs": "runs.folder",
}
__all__ = list(_FACE)


def __getattr__(name: str) -> Any:
    if name == "__version__":
        from importlib.metadata import version  # takes longer than all the rest of this file

        return version("unet_nb")
    if name not in _FACE:
        raise AttributeError(f"module 'unet_nb' has no attribute {name!r}; it offers {', '.join(_FACE)}")
    return getattr(importlib.import_module(f"unet_nb.{_FACE[name]}"), name)


def __dir__() -> list[str]:
    return sorted([*globals(), *_FACE, "__version__"])
