"""An editable install is found from anywhere; without the packages that train, the command still predicts."""

import json
import os
import shutil
import subprocess
import sys
import venv
from pathlib import Path

import cv2
import numpy as np
import onnx
import pytest
import tifffile

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


# What `pip install unet_nb` alone does not bring, and a module that Windows lacks.
ABSENT = (
    "mindspore pydantic yaml pandas onnx scipy skimage matplotlib papermill fastcore IPython nbformat psutil "
    "imagecodecs fcntl"
).split()
LIGHT = f"""
import sys, types
class Refuse:
    def find_spec(self, name, *rest):
        if name.partition(".")[0] in {ABSENT}:
            raise ModuleNotFoundError(f"No module named {{name!r}}", name=name)
sys.meta_path.insert(0, Refuse())
sys.modules.pop("fcntl", None)
sys.modules["msvcrt"] = types.SimpleNamespace(LK_NBLCK=2, locking=lambda number, kind, size: None)
from unet_nb.cli.command import main
main(sys.argv[1:])
"""
BRIGHT = """<ir_version: 8, opset_import: ["": 17]>
bright (float[batch, 1, height, width] image) => (float[batch, height, width, 2] probabilities) {
  half = Constant<value = float {0.5}>()
  part = Mul(image, half)
  dark = Sub(half, part)
  bright = Add(half, part)
  both = Concat<axis = 1>(dark, bright)
  probabilities = Transpose<perm = [0, 2, 3, 1]>(both)
}"""
DESCRIBED = {
    "schema": 1,
    "network": {"name": "a network of one's own"},
    "input": {"channels": 1, "channel_order": "RGB", "scaling": "[-1, 1]"},
    "size": {"policy": "native", "divisor": 16, "remainder": 0, "margin": 0, "tile": [1024, 1024], "overlap": 96},
    "output": {"activation": "Softmax"},
    "classes": [{"name": "dark", "color": [0, 0, 0]}, {"name": "bright", "color": [230, 159, 0]}],
    "scores": {},
    "provenance": {},
}


def light(*args, cwd) -> subprocess.CompletedProcess:
    command = [sys.executable, "-c", LIGHT, *map(str, args)]
    return subprocess.run(command, cwd=cwd, capture_output=True, text=True, env=os.environ | {"PYTHONPATH": str(ROOT)})


def test_the_command_predicts_without_the_packages_that_train(tmp_path):
    model = onnx.parser.parse_model(BRIGHT)
    onnx.helper.set_model_props(model, {"unet_nb": json.dumps(DESCRIBED)})
    onnx.save(model, tmp_path / "model.onnx")
    images = np.random.default_rng(0).integers(0, 256, (3, 50, 61), dtype=np.uint8)
    images[images == 127] = 128  # one value has both classes equally likely, up to rounding
    (tmp_path / "images").mkdir()
    cv2.imwrite(str(tmp_path / "images/one.png"), images[0])
    tifffile.imwrite(tmp_path / "images/stack.tif", images, photometric="minisblack", metadata={"axes": "ZYX"})
    for said in ("look nearly black", "2 of 2 are finished already"):
        done = light("predict", "model.onnx", "images", "-o", "out", "--threads", 1, cwd=tmp_path)
        assert done.returncode == 0 and said in done.stdout + done.stderr, done.stdout + done.stderr
    np.testing.assert_array_equal(cv2.imread(str(tmp_path / "out/one.png"), -1), images[0] > 127)
    np.testing.assert_array_equal(tifffile.imread(tmp_path / "out/stack.tif"), images > 127)
    done = light("predict", "model.onnx", "images/one.png", "-o", "colours.png", "--color", "--tta", cwd=tmp_path)
    assert done.returncode == 0 and (tmp_path / "colours.png").is_file(), done.stderr


@pytest.mark.parametrize("args", [["params"], ["run", "train"], ["predict", "a.ckpt", "images", "-o", "out"]])
def test_what_the_others_need_is_said(args, tmp_path):
    (tmp_path / "a.ckpt").touch()
    (tmp_path / "images").mkdir()
    done = light(*args, cwd=tmp_path)
    assert done.returncode == 1 and "pip install 'unet_nb[train]'" in done.stderr, done.stderr
    assert "Traceback" not in done.stderr
