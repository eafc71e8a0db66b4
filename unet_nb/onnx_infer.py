"""The published place of the predictor without MindSpore, and its command `python -m unet_nb.onnx_infer`."""

from unet_nb.inference.predictor import OnnxPredictor, main

__all__ = ["OnnxPredictor", "main"]

if __name__ == "__main__":
    raise SystemExit(main())
