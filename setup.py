"""Reads settings.ini; the only thing decided here is that the notebooks and recipes travel with a built package."""

from configparser import ConfigParser
from pathlib import Path

from setuptools import find_packages, setup
from setuptools.command.build_py import build_py

here = Path(__file__).parent
config = ConfigParser(delimiters=["="])
config.read(here / "settings.ini", encoding="utf-8")
cfg = config["DEFAULT"]

CARRIED = {
    "notebooks": "nbs/run/*.ipynb",
    "explore_notebooks": "nbs/explore/*.ipynb",
    "page": "nbs/page/page.*",
    "recipes": "params/*.yaml",
    "widgets": "nbs/interactive/painting.*",
}


class BuildWithNotebooks(build_py):
    """Copies the notebooks and recipes into a built package; an editable install finds them in the clone.

    As packages with folders elsewhere (`package_dir`) they would make setuptools install an import hook in place of the
    path of the clone. A hook comes too late for a script beside a clone called unet_nb: Python takes the clone's folder
    for a package without code (PEP 420).
    """

    def run(self):
        super().run()
        if self.editable_mode:
            return
        for name, files in CARRIED.items():
            target = Path(self.build_lib, "unet_nb", name)
            target.mkdir(parents=True, exist_ok=True)
            for file in sorted(here.glob(files)):
                self.copy_file(str(file), str(target))


EXTRAS = ("train objects coco annotations storage zarr cluster mlflow tensorboard docs bench").split()
extras = {name: cfg[f"{name}_requirements"].split() for name in EXTRAS}
extras["dev"] = extras["train"] + cfg["dev_requirements"].split()

setup(
    name=cfg["lib_name"],
    version=cfg["version"],
    description=cfg["description"],
    long_description=(here / "README.md").read_text(encoding="utf-8"),
    long_description_content_type="text/markdown",
    license="Apache-2.0",
    author=cfg["author"],
    keywords=cfg["keywords"],
    packages=find_packages(include=["unet_nb", "unet_nb.*"]),
    package_dir={"": "."},
    cmdclass={"build_py": BuildWithNotebooks},
    install_requires=cfg["requirements"].split(),
    extras_require=extras,
    python_requires=f">={cfg['min_python']},<{cfg['max_python_exclusive']}",
    entry_points={
        "console_scripts": cfg["console_scripts"].split(),
        "papermill.io": ["obs:// = unet_nb.core.storage:PapermillObs"],
    },
    zip_safe=False,
)
