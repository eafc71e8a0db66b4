"""Parameters and recipes; the names that scripts import from here, loaded when first used."""

import importlib
from typing import Any

_FACE = {
    "Config": ("jobs", "TrainConfig"),
    "ConfigError": ("groups", "ConfigError"),
    "load_params": ("recipes", "load_params"),
}


def __getattr__(name: str) -> Any:
    if name not in _FACE:
        raise AttributeError(f"module 'unet_nb.config' has no attribute {name!r}; it offers {', '.join(_FACE)}")
    module, attribute = _FACE[name]
    return getattr(importlib.import_module(f"unet_nb.config.{module}"), attribute)
