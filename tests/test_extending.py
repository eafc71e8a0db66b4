"""The page on extending the kit: its blocks are short and whole, and work in processes that did not import them."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
PAGE = (ROOT / "nbs/docs/extending.md").read_text(encoding="utf-8")
BLOCKS = {m[1]: m[2] for m in re.finditer(r"```python\n# (\w+\.py)\n(.*?)```", PAGE, flags=re.DOTALL)}


@pytest.fixture
def folder(tmp_path):
    for name, text in BLOCKS.items():
        (tmp_path / name).write_text(text, encoding="utf-8")
    return tmp_path


def python(folder: Path, *args: str, **env: str) -> subprocess.CompletedProcess:
    inherited = {k: v for k, v in os.environ.items() if k != "UNET_NB_PLUGINS"}
    done = subprocess.run([sys.executable, *args], cwd=folder, capture_output=True, text=True, env=inherited | env)
    assert done.returncode == 0, done.stderr[-3000:]
    return done


def test_every_block_has_a_name_and_is_short():
    assert len(BLOCKS) == PAGE.count("```python")
    for name, text in BLOCKS.items():
        lines = [line for line in text.splitlines() if line.strip()]
        assert len(lines) <= 20 and max(map(len, lines)) <= 120, name


def test_a_network_of_your_own(folder):
    "It trains, is scored, predicts, is exported and planned; the plan's trial runs in a process of its own."
    out = python(folder, "use_tiny.py").stdout
    assert "tiny: " in out and "multiply-adds" in out
    score, *means = map(float, out.splitlines()[-1].split())
    assert 0 <= score <= 1 and means[0] == pytest.approx(means[1], abs=1e-3)
    assert list(folder.glob("runs/*/unet.onnx"))


def test_a_loss_and_an_augmentation_of_your_own(folder):
    assert 0 < float(python(folder, "use_both.py").stdout.splitlines()[-1]) < 1


def test_the_environment_names_files(folder):
    "The console command knows a network that only the variable names; without it the error says how."
    check = "from unet_nb import load_params; print(load_params(model_name='Tiny', loss='absolute').geometry)"
    out = python(folder, "-c", check, UNET_NB_PLUGINS=os.pathsep.join(["tiny.py", "absolute.py"])).stdout
    assert out.strip() == "Geometry(depth=1)"
    failed = subprocess.run([sys.executable, "-c", check], cwd=folder, capture_output=True, text=True)
    assert "model_name: 'Tiny' is not known" in failed.stderr and "UNET_NB_PLUGINS" in failed.stderr
