"""The published place of `fit`, which lives in `unet_nb.training.fit`."""

from unet_nb.training.fit import fit

__all__ = ["fit"]
