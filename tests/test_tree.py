"""The tree is what the notebooks say: exports, cleaned notebooks, README, recipes, package contents."""

import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import nbformat
import pytest
from render_readme import render

ROOT = Path(__file__).resolve().parent.parent
RUN_NOTEBOOKS = sorted(p.stem for p in (ROOT / "nbs/run").glob("*.ipynb"))


def contents(folder: Path) -> dict[str, bytes]:
    return {
        str(p.relative_to(folder)): p.read_bytes()
        for part in ("nbs", "unet_nb")
        for p in sorted((folder / part).rglob("*"))
        if p.is_file() and not {"__pycache__", ".ipynb_checkpoints"} & set(p.parts)
    }


@pytest.mark.parametrize("command", ["nbdev_clean", "nbdev_export"])
def test_nbdev_leaves_the_tree_unchanged(command, tmp_path):
    copy = tmp_path / "copy"
    for part in ("nbs", "unet_nb"):
        shutil.copytree(ROOT / part, copy / part, ignore=shutil.ignore_patterns("__pycache__", ".ipynb_checkpoints"))
    for file in ("settings.ini", "setup.py", "pyproject.toml", "README.md"):
        shutil.copy(ROOT / file, copy)
    before = contents(copy)
    subprocess.run([Path(sys.executable).with_name(command)], cwd=copy, check=True, capture_output=True)
    changed = [name for name, data in contents(copy).items() if before.get(name) != data]
    assert not changed, f"{command} changes {changed}: run it and commit what it writes"


def test_readme_is_current():
    assert (ROOT / "README.md").read_text(encoding="utf-8") == render(), (
        "README.md differs from nbs/index.ipynb: run `make readme`"
    )


@pytest.mark.parametrize("name", RUN_NOTEBOOKS)
def test_run_notebooks_define_nothing_and_keep_their_tag(name):
    from unet_nb.config.cells import parameters_cell

    cells = [c for c in nbformat.read(ROOT / f"nbs/run/{name}.ipynb", as_version=4).cells if c.cell_type == "code"]
    assert [c.source for c in cells if "parameters" in c.metadata.get("tags", [])] == [parameters_cell(name)]
    assert not [c.source for c in cells if any(line.startswith(("def ", "class ")) for line in c.source.splitlines())]


@pytest.mark.parametrize("name", RUN_NOTEBOOKS)
def test_a_parameters_cell_is_short_and_formatted(name, tmp_path):
    from unet_nb.config.cells import parameters_cell

    most = {"compare": 8, "prepare": 44, "export": 43, "train": 84, "cross_validate": 87}.get(name, 40)
    lines = parameters_cell(name).splitlines()
    assert len(lines) <= most and max(map(len, lines)) <= 120
    assert not any(" = '" in line for line in lines)
    if ruff := shutil.which("ruff", path=Path(sys.executable).parent):
        (tmp_path / "cell.py").write_text("\n".join(lines) + "\n", encoding="utf-8")
        subprocess.run(
            [ruff, "format", "--line-length", "120", "--check", "--isolated", tmp_path / "cell.py"], check=True
        )


def test_notebooks_are_small():
    assert not [p.name for p in (ROOT / "nbs").rglob("*.ipynb") if p.stat().st_size > 1_000_000]


def test_wheel_holds_notebooks_and_recipes(tmp_path):
    source = tmp_path / "source"
    for part in ("nbs", "params", "unet_nb"):
        shutil.copytree(ROOT / part, source / part, ignore=shutil.ignore_patterns("__pycache__", ".ipynb_checkpoints"))
    for file in ("settings.ini", "setup.py", "pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / file, source)
    subprocess.run(
        [sys.executable, "-m", "pip", "wheel", "-q", "--no-deps", "-w", tmp_path / "wheel", source], check=True
    )
    names = zipfile.ZipFile(next((tmp_path / "wheel").glob("*.whl"))).namelist()
    assert {f"unet_nb/notebooks/{n}.ipynb" for n in RUN_NOTEBOOKS} <= set(names)
    assert {f"unet_nb/recipes/{p.name}" for p in (ROOT / "params").glob("*.yaml")} <= set(names)

    # Installed elsewhere, run from a folder of its own, without the clone: notebooks and recipes are still found.
    subprocess.run(
        [
            sys.executable,
            "-m",
            "pip",
            "install",
            "-q",
            "--no-deps",
            "--target",
            tmp_path / "site",
            next((tmp_path / "wheel").glob("*.whl")),
        ],
        check=True,
    )
    code = (
        "import sys; sys.path.insert(0, sys.argv[1]); import unet_nb; assert unet_nb.__file__.startswith(sys.argv[1]); "
        "from unet_nb.studies.launch import run_notebooks; from unet_nb.config.recipes import load_params; "
        "print(*run_notebooks()); print(load_params('demo').name)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path / "site")], cwd=tmp_path, check=True, capture_output=True, text=True
    )
    assert done.stdout.split() == [*RUN_NOTEBOOKS, "demo"]
