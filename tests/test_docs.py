"""The documentation: the site builds without a broken link, its commands and code are real."""

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
from click.exceptions import Exit

from unet_nb.cli.command import cli
from unet_nb.config.groups import all_params
from unet_nb.config.values import ALIASES

pytestmark = pytest.mark.slow

ROOT = Path(__file__).resolve().parent.parent
PAGES = sorted((ROOT / "nbs/docs").glob("*.md"))


def build(site: Path, *args) -> subprocess.CompletedProcess:
    pytest.importorskip("material", reason="the site needs pip install 'unet_nb[docs]'")
    env = os.environ | {"NO_MKDOCS_2_WARNING": "1"}
    return subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "-d", site, *args], cwd=ROOT, capture_output=True, text=True, env=env
    )


def test_the_site_builds(tmp_path):
    done = build(tmp_path)
    assert done.returncode == 0, done.stderr
    assert {p.stem for p in (ROOT / "nbs").glob("*.ipynb")} <= {p.stem for p in tmp_path.glob("*.html")}
    parameters = (tmp_path / "docs/parameters.html").read_text()
    assert all(f"<code>{name}</code>" in parameters for name in all_params())
    commands = (tmp_path / "docs/commands.html").read_text()
    assert all(f"Usage: unet_nb {name}" in commands for name in cli.commands)
    for page in tmp_path.rglob("*.html"):  # nothing is fetched from elsewhere
        assert not re.findall(r'(?:<script[^>]*\ssrc|<img[^>]*\ssrc|<link[^>]*\shref)="https?:', page.read_text()), (
            page.name
        )


def test_a_broken_link_ends_the_build(tmp_path):
    (tmp_path / "nbs").mkdir()
    (tmp_path / "nbs/index.md").write_text("# Home\n\n[here](#home), [gone](05_gone.ipynb)\n")
    (tmp_path / "mkdocs.yml").write_text(
        f"site_name: x\nstrict: true\ndocs_dir: nbs\nhooks: ['{ROOT}/nbs/docs/hooks.py']\nnav: [index.md]\n"
    )
    done = build(tmp_path / "site", "-f", tmp_path / "mkdocs.yml")
    assert done.returncode == 1 and "05_gone.md" in done.stderr


def commands_of(text: str) -> list[str]:
    "Everything in a page that is a whole command of the kit: code spans, and lines of code blocks."
    found = re.findall(r"`(unet_nb [^`\n]+)`", text) + re.findall(r"^(unet_nb .+)$", text, flags=re.MULTILINE)
    return [
        re.sub(r"<[^>]*>", "X", command.split("  #")[0]).replace("…", "").replace("--workers N", "--workers 2")
        for command in found
    ]


@pytest.mark.parametrize("page", [*PAGES, ROOT / "README.md"], ids=lambda p: p.name)
def test_commands_are_real(page):
    commands = commands_of(page.read_text(encoding="utf-8"))
    assert commands
    for command in commands:
        name, *args = shlex.split(command)[1:]
        if name.startswith("-"):
            continue
        if not args:  # a command that is only mentioned
            assert name in cli.commands, f"{page.name}: {command}"
            continue
        try:
            context = cli.commands[name].make_context(name, args)  # reads the options, does nothing
        except Exit:
            continue
        for param, _ in context.params.get("params") or []:
            if isinstance(param, str):
                assert param in all_params() or param in ALIASES, f"{page.name}: {command}"
        if name == "run":
            assert (ROOT / f"nbs/run/{context.params['notebook']}.ipynb").is_file(), f"{page.name}: {command}"
        for file in context.params.get("files", []):
            assert "." in file or file == "C" or (ROOT / f"params/{file}.yaml").is_file(), f"{page.name}: {command}"


def test_python_of_the_pytorch_page(tmp_path):
    "Its blocks, one after the other, on a small data set."
    blocks = [
        b
        for b in re.findall(r"```python\n(.*?)```", (ROOT / "nbs/docs/pytorch.md").read_text(), flags=re.DOTALL)
        if "unet_nb" in b
    ]
    training, onnx, smp = blocks
    prepare = """
import cv2, os
from unet_nb.data.demo import demo_set
for folder in ("cells/images", "cells/masks"): os.makedirs(folder)
for i, s in enumerate(demo_set(5, 64)):
    cv2.imwrite(f"cells/images/{i}.png", s.image)
    cv2.imwrite(f"cells/masks/{i}.png", s.mask * 255)
cv2.imwrite("image.png", s.image)
with open("cells.yaml", "w") as f:
    f.write("{dataset: folder, data_path: cells, crop_size: [32, 32], ")
    f.write("base_channels: 4, depth: 1, repeat: 20, batch_size: 2}")
"""
    between = """
from unet_nb.runs.checkpoint import config_for_checkpoint
from unet_nb.exporting.export import export
from unet_nb.runs.folder import start_run
assert probabilities.shape == (2, 64, 64)
exported, checkpoint = config_for_checkpoint({"checkpoint_file_path": str(run.path), "file_format": "ONNX"}, "export")
export(exported, checkpoint, start_run(exported, "export")).rename("unet.onnx")
"""
    after = (
        "assert mask.shape == (64, 64)\nprediction, target = mask, sample.mask\n"
        + smp
        + "\nassert 0 <= scores['mean_iou'] <= 1"
    )
    (tmp_path / "page.py").write_text("\n".join([prepare, training, between, onnx, after]))
    done = subprocess.run([sys.executable, "page.py"], cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-3000:]
