"""An editable install is found from anywhere, also by a script that lies beside the clone."""

import os
import shutil
import subprocess
import sys
import venv
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent


def test_a_script_beside_a_clone_called_unet_nb_imports_the_kit(tmp_path):
    pytest.importorskip("setuptools", minversion="64")
    clone = tmp_path / "unet_nb"  # for a script beside it a namespace package
    for folder in ("unet_nb", "nbs/run", "nbs/explore", "params"):
        (clone / folder).mkdir(parents=True)
    for file in ("setup.py", "settings.ini", "pyproject.toml", "README.md", "unet_nb/__init__.py"):
        shutil.copy(ROOT / file, clone / file)
    build = "import sys; from setuptools.build_meta import build_editable; print(build_editable(sys.argv[1]))"
    subprocess.run([sys.executable, "-c", build, tmp_path], cwd=clone, check=True, capture_output=True)

    venv.create(tmp_path / "env")
    python, wheel = tmp_path / "env/bin/python", next(tmp_path.glob("*.whl"))
    pip = [sys.executable, "-m", "pip", "--python", python, "install", "-q", "--no-deps", "--no-index"]
    subprocess.run([*pip, wheel], check=True)
    (tmp_path / "script.py").write_text("import unet_nb; print(unet_nb.__file__, unet_nb.__version__)")
    env = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    for folder in (tmp_path, clone, Path("/")):
        done = subprocess.run([python, tmp_path / "script.py"], cwd=folder, env=env, capture_output=True, text=True)
        assert done.stdout.split()[:1] == [str(clone / "unet_nb/__init__.py")], done.stdout + done.stderr
