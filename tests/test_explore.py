"""The explore notebooks without a browser: through papermill and nbconvert everything is there as a picture.

`tests/browser.py` looks at them in JupyterLab.
"""

from pathlib import Path

import nbformat
import numpy as np
import papermill
import pytest
from matplotlib.figure import Figure
from nbconvert import HTMLExporter

pytestmark = pytest.mark.slow

ROOT = Path(__file__).resolve().parent.parent
NOTEBOOKS = sorted(p.stem for p in (ROOT / "nbs/explore").glob("*.ipynb"))
SMALL = {
    "base_channels": 4,
    "depth": 1,
    "demo_slices": 5,
    "demo_size": 64,
    "crop_size": [32, 32],
    "batch_size": 2,
    "epochs": 4,
    "repeat": 2,
}
SHOWS = ("explore_", "predict_new(", ".train()", "paint(")  # a cell with one of these calls must show a picture


def pictures(notebook: nbformat.NotebookNode) -> dict[str, bool]:
    "For each cell that should show a picture, by its last line: whether it does."
    wanted = [c for c in notebook.cells if c.cell_type == "code" and any(call in c.source for call in SHOWS)]
    return {c.source.splitlines()[-1]: any("image/png" in o.get("data", {}) for o in c.outputs) for c in wanted}


@pytest.fixture(scope="module")
def runs(tmp_path_factory) -> Path:
    return tmp_path_factory.mktemp("explore") / "runs"


# 00 and 04 train; 05 and 06 look at what they have left, 08 needs a training of objects.
LOOKING = ("05", "06", "08")


@pytest.mark.parametrize("name", sorted(NOTEBOOKS, key=lambda name: (name[:2] in LOOKING, name)))
def test_papermill_shows_pictures(name, runs, tmp_path):
    source, out = ROOT / f"nbs/explore/{name}.ipynb", tmp_path / f"{name}.ipynb"
    values = {"output_path": str(runs)} if name[:2] in LOOKING else {"params": SMALL | {"output_path": str(runs)}}
    papermill.execute_notebook(
        str(source), str(out), values, kernel_name="python3", progress_bar=False, cwd=str(tmp_path)
    )
    done = nbformat.read(out, as_version=4)
    assert all(pictures(done).values()), pictures(done)
    text = out.read_text()
    assert "widget-view" not in text and "widget-state" not in text and len(text) < 1_000_000
    page, _ = HTMLExporter().from_notebook_node(done)
    assert "Error displaying widget" not in page and page.count("data:image/png") >= len(pictures(done))


@pytest.mark.parametrize("name", NOTEBOOKS)
def test_what_is_committed(name):
    notebook = nbformat.read(ROOT / f"nbs/explore/{name}.ipynb", as_version=4)
    assert [c.metadata.get("tags") for c in notebook.cells if c.cell_type == "code"][0] == ["parameters"]
    assert pictures(notebook).values() and all(pictures(notebook).values()), "execute it again and keep the outputs"
    assert not [
        c.source
        for c in notebook.cells
        if c.cell_type == "code" and any(line.startswith(("def ", "class ")) for line in c.source.splitlines())
    ]


def dots(count: int = 3, dark: bool = False, row: int = 0, column: int = 0) -> Figure:
    fig = Figure(figsize=(2, 2), dpi=50)
    if count > 5:
        raise ValueError("too many")
    fig.subplots().imshow(np.arange(count * 4).reshape(4, count) * (0 if dark else 1))
    return fig


def test_widgets_move_the_picture(monkeypatch):
    from unet_nb.interactive import views

    view = views.View(dots, clicked=("row", "column"), count=(1, 9), dark=False)
    assert set(view._repr_mimebundle_()) == {"image/png", "text/plain"}  # nobody is there
    monkeypatch.setattr(views, "watched", lambda: True)
    assert set(view._repr_mimebundle_()) == {"application/vnd.jupyter.widget-view+json", "image/png", "text/plain"}
    first = view.picture.value
    view.boxes["count"].value = 4  # what a slider does
    assert view.values["count"] == 4 and view.picture.value != first
    view.set(dark=True)
    assert view.boxes["dark"].value and view.widget() is view.box
    view._click({"dataX": 50, "dataY": 75})
    assert view.values["row"] == 3
    view.boxes["count"].value = 7
    assert "too many" in view.message.value
    view.boxes["count"].value = 2
    assert view.message.value == ""


def test_mistakes_are_told_in_two_lines(tmp_path):
    from unet_nb.config.groups import ConfigError
    from unet_nb.config.jobs import TrainConfig
    from unet_nb.interactive.start import start_config
    from unet_nb.training.callbacks import TrainingError

    for mistake, words in (
        (lambda: TrainConfig(learning_rate=1), "unknown parameter"),
        (lambda: start_config(tmp_path / "nowhere"), "there is no such folder"),
    ):
        with pytest.raises((ConfigError, FileNotFoundError)) as caught:
            mistake()
        shown = caught.value._render_traceback_()
        assert len(shown) < 3 and words in shown[0]
    assert hasattr(TrainingError("x"), "_render_traceback_") and not hasattr(ValueError("x"), "_render_traceback_")


def test_without_a_clone_notebooks_are_copied_once(tmp_path, monkeypatch):
    from unet_nb.interactive import start

    package = tmp_path / "site/explore_notebooks"
    package.mkdir(parents=True)
    for name in ("00_start.ipynb", "01_data.ipynb"):
        (package / name).write_text("new")
    monkeypatch.setattr(start, "shipped_dir", lambda *where: package)
    mine = tmp_path / "mine"
    mine.mkdir()
    (mine / "01_data.ipynb").write_text("my own")
    assert start.explore_notebooks(mine) == mine
    assert [(p.name, p.read_text()) for p in sorted(mine.iterdir())] == [
        ("00_start.ipynb", "new"),
        ("01_data.ipynb", "my own"),
    ]
