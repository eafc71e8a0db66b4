"""The main job from end to end: four ways in, one result; and what a user reads who made a mistake."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from conftest import SMALL

pytestmark = pytest.mark.slow

ROOT = Path(__file__).resolve().parent.parent
BIN = Path(sys.executable).parent


def command(*args, cwd, **env) -> subprocess.CompletedProcess:
    return subprocess.run(
        [str(a) for a in args], cwd=cwd, capture_output=True, text=True, env={**os.environ, **env}, timeout=600
    )


def as_p(params: dict) -> list[str]:
    return [
        text
        for name, value in params.items()
        for text in ("-p", name, json.dumps(value) if isinstance(value, list) else str(value))
    ]


def weights(run: Path) -> dict[str, np.ndarray]:
    from unet_nb.runs.checkpoint import find_checkpoint, load_checkpoint

    return {n: p.asnumpy() for n, p in load_checkpoint(find_checkpoint(run, prefer_best=False)).params.items()}


def only_run(folder: Path) -> Path:
    runs = [p.parent for p in folder.glob("*/status.json")]
    assert len(runs) == 1
    return runs[0]


@pytest.fixture(scope="module")
def by_command(tmp_path_factory) -> Path:
    here = tmp_path_factory.mktemp("command")
    (here / "small.yaml").write_text("\n".join(f"{k}: {v}" for k, v in SMALL.items() if k != "epochs"))
    done = command(BIN / "unet_nb", "run", "train", "-f", "small.yaml", "-p", "epochs", 4, cwd=here)
    assert done.returncode == 0, done.stderr
    run = Path(done.stdout.splitlines()[-1])
    assert run.parent == here / "runs"
    return run


def test_the_run_folder_explains_itself(by_command):
    names = {p.name for p in by_command.iterdir()}
    assert names == {
        "params.yaml",
        "preprocessing.json",
        "env.json",
        "split.json",
        "history.csv",
        "metrics.json",
        "log.txt",
        "status.json",
        "report.html",
        "checkpoints",
        "figures",
        "train.ipynb",
    }
    assert json.loads((by_command / "status.json").read_text())["state"] == "done"
    metrics = json.loads((by_command / "metrics.json").read_text())
    assert {"dice_coeff", "iou", "per_class", "per_image"} <= set(metrics)
    log = (by_command / "log.txt").read_text()
    assert "step: 1, loss is " in log and "epoch:   2, avg loss:" in log and "Cross valid dice coeff is: " in log
    history = (by_command / "history.csv").read_text().splitlines()
    assert len(history) == 3 and {"seconds", "dice_coeff", "loss"} <= set(history[0].split(","))


def test_raw_papermill_gives_the_same(by_command, tmp_path):
    (tmp_path / "small.yaml").write_text((by_command.parent.parent / "small.yaml").read_text())
    done = command(
        BIN / "papermill",
        ROOT / "nbs/run/train.ipynb",
        "out.ipynb",
        "-f",
        "small.yaml",
        "-p",
        "epochs",
        4,
        "-k",
        "python3",
        cwd=tmp_path,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    same(by_command, only_run(tmp_path / "runs"))


def test_a_script_gives_the_same(by_command, trained):
    same(by_command, trained)


def test_jupyter_gives_the_same(by_command, tmp_path):
    """What JupyterLab does: a kernel in the notebook's folder, the values changed in the parameters cell."""
    import nbformat
    from nbclient import NotebookClient

    nb = nbformat.read(ROOT / "nbs/run/train.ipynb", as_version=4)
    cell = next(c for c in nb.cells if "parameters" in c.metadata.get("tags", []))
    cell.source += "\n" + "\n".join(f"{k} = {v!r}" for k, v in {**SMALL, "output_path": str(tmp_path)}.items())
    NotebookClient(
        nb, timeout=600, kernel_name="python3", resources={"metadata": {"path": str(ROOT / "nbs/run")}}
    ).execute()
    same(by_command, only_run(tmp_path))


def same(a: Path, b: Path) -> None:
    for name, value in weights(a).items():
        np.testing.assert_array_equal(value, weights(b)[name], err_msg=name)
    assert (
        json.loads((a / "metrics.json").read_text())["dice_coeff"]
        == json.loads((b / "metrics.json").read_text())["dice_coeff"]
    )


def test_resume_gives_the_weights_of_an_uninterrupted_run(by_command, tmp_path):
    first = by_command / "checkpoints/ckpt_unet_fast_adam-1_4.ckpt"
    done = command(
        BIN / "unet_nb",
        "run",
        "train",
        "-f",
        by_command / "params.yaml",
        "-p",
        "resume",
        True,
        "-p",
        "resume_ckpt",
        first,
        "-p",
        "output_path",
        tmp_path,
        cwd=tmp_path,
    )
    assert done.returncode == 0, done.stderr
    same(by_command, Path(done.stdout.splitlines()[-1]))


def test_evaluate_gives_the_scores_of_the_training(by_command, tmp_path):
    newest = by_command / "checkpoints/ckpt_unet_fast_adam-2_4.ckpt"
    done = command(
        BIN / "unet_nb", "run", "evaluate", "-p", "checkpoint_file_path", newest, "-p", "show_eval", True, cwd=tmp_path
    )
    assert done.returncode == 0, done.stderr
    run = Path(done.stdout.splitlines()[-1])
    metrics = json.loads((run / "metrics.json").read_text())
    assert metrics["dice_coeff"] == json.loads((by_command / "metrics.json").read_text())["dice_coeff"]
    assert len(list((run / "figures").glob("prediction_*.png"))) == len(metrics["per_image"]) == 1
    assert "============== Cross valid dice coeff is: " in done.stdout


def test_runs_are_listed(by_command):
    done = command(BIN / "unet_nb", "runs", cwd=by_command.parent.parent)
    assert by_command.name in done.stdout and "done" in done.stdout


@pytest.mark.parametrize(
    "args, sentence",
    [
        (["-p", "learning_rate", "1"], "did you mean 'lr'"),
        (["-p", "lr", "-1"], "greater than 0"),
        (["-p", "data_path", "nowhere"], "nowhere"),
        (["-p", "model_name", "unet_large"], "unet_medical"),
        (["-p", "crop_size", "[100, 100]"], "divisible by 16"),
        (["-p", "device_target", "Ascend"], "Ascend cannot be used here"),
        (["-p", "output_path", "/proc/runs"], "output_path"),
        (["-f", "nowhere.yaml"], "recipe not found"),
    ],
)
def test_a_mistake_gets_a_sentence(args, sentence, tmp_path):
    done = command(BIN / "unet_nb", "run", "train", *args, cwd=tmp_path)
    assert done.returncode == 1
    assert sentence in done.stderr and "Traceback" not in done.stderr
    failed = [json.loads(p.read_text()) for p in tmp_path.glob("runs/*/status.json")]
    assert all(s["state"] == "failed" and sentence in s["reason"] for s in failed)


@pytest.mark.parametrize(
    "values, sentence",
    [
        ({"resume": True, "resume_ckpt": "none.ckpt"}, "checkpoint not found"),
        ({"batch_size": 500}, "lower batch_size"),
    ],
)
def test_a_mistake_that_shows_late_ends_the_run_with_a_sentence(values, sentence, tmp_path):
    # The command says what ended the notebook, as the test above shows with `data_path`.
    from unet_nb.config.recipes import load_params
    from unet_nb.training.fit import fit

    with pytest.raises((ValueError, OSError), match=sentence):
        fit(load_params(**values, output_path=str(tmp_path)))
    (status,) = (json.loads(p.read_text()) for p in tmp_path.glob("*/status.json"))
    assert status["state"] == "failed" and sentence in status["reason"]


def test_a_misspelt_parameter_is_an_error_for_raw_papermill_too(tmp_path):
    done = command(
        BIN / "papermill",
        ROOT / "nbs/run/train.ipynb",
        "out.ipynb",
        "-p",
        "lerning_rate",
        1,
        "-k",
        "python3",
        cwd=tmp_path,
    )
    assert done.returncode != 0 and "did you mean 'lr'" in done.stderr
