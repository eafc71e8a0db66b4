"""Reads settings.ini; the only thing decided here is that the notebooks and recipes travel with the package."""
from configparser import ConfigParser
from pathlib import Path

from setuptools import find_packages, setup

here = Path(__file__).parent
config = ConfigParser(delimiters=["="])
config.read(here / "settings.ini", encoding="utf-8")
cfg = config["DEFAULT"]

setup(
    name=cfg["lib_name"],
    version=cfg["version"],
    description=cfg["description"],
    long_description=(here / "README.md").read_text(encoding="utf-8"),
    long_description_content_type="text/markdown",
    license="Apache-2.0",
    author=cfg["author"],
    keywords=cfg["keywords"],
    packages=find_packages(include=["unet_nb", "unet_nb.*"]) + ["unet_nb.notebooks", "unet_nb.explore_notebooks", "unet_nb.recipes"],
    package_dir={"unet_nb.notebooks": "nbs/run", "unet_nb.explore_notebooks": "nbs/explore", "unet_nb.recipes": "params"},
    package_data={"unet_nb.notebooks": ["*.ipynb"], "unet_nb.explore_notebooks": ["*.ipynb"], "unet_nb.recipes": ["*.yaml"]},
    install_requires=cfg["requirements"].split(),
    extras_require={name: cfg[f"{name}_requirements"].split() for name in ("dev", "coco", "storage", "cluster", "mlflow", "tensorboard", "docs", "bench")},
    python_requires=f">={cfg['min_python']},<{cfg['max_python_exclusive']}",
    entry_points={"console_scripts": cfg["console_scripts"].split(), "papermill.io": ["obs:// = unet_nb.storage:PapermillObs"]},
    zip_safe=False,
)
