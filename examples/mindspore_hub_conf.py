"""The entry of MindSpore Hub, with the zoo's names: `create_network("unet2d", n_channels=1, n_classes=2)`."""

from unet_nb.models.registry import create_network

__all__ = ["create_network"]
