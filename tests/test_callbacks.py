"""Callbacks: the page about them is real, and they are told everything, in order, whatever becomes of the training."""

import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from kill_and_resume import PARAMS

from unet_nb.config.jobs import TrainConfig
from unet_nb.runs.folder import Run
from unet_nb.training.callbacks import TrainingError
from unet_nb.training.events import Callback
from unet_nb.training.fit import fit

ROOT = Path(__file__).resolve().parent.parent


def python_of(section: str) -> str:
    "The Python of a section of the page."
    page = (ROOT / "nbs/docs/extending.md").read_text(encoding="utf-8")
    text = re.search(rf"^## {section}\n(.*?)(?=^## |\Z)", page, flags=re.DOTALL | re.MULTILINE)[1]
    return "\n".join(re.findall(r"```python\n(.*?)```", text, flags=re.DOTALL))


def test_the_page(tmp_path):
    code = python_of("A callback")
    assert len([line for line in code.splitlines() if line.strip()]) <= 20
    small = "demo_slices=5, demo_size=64, num_folds=5, crop_size=[32, 32], base_channels=4, depth=1, batch_size=2"
    code = code.replace('load_params("demo")', f'load_params("demo", {small}, epochs=80)').replace("(0.9)", "(0.1)")
    (tmp_path / "page.py").write_text(code + '\nprint("in", run.path)\n')
    done = subprocess.run([sys.executable, "page.py"], cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-3000:]
    run = Run(done.stdout.splitlines()[-1].removeprefix("in "))
    assert run.status["state"] == "done" and len(run.history) == 1  # of four epochs; the score is reached
    assert len((run.path / "losses.txt").read_text().splitlines()) == run.history.steps.item()


class Heard(Callback):
    "Notes the events, and does `act` in one of them."

    def __init__(self, event: str = "", act=lambda: None):
        self.events, self.event, self.act = [], event, act

    def hear(self, event, value=None):
        self.events.append(event if value is None else (event, value))
        if event == self.event:
            self.act()

    def on_fit_begin(self, trainer):
        self.hear("fit begin")

    def on_epoch_begin(self, trainer):
        self.hear("epoch begin")

    def on_step_begin(self, trainer):
        self.hear("step begin")

    def on_step_end(self, trainer, loss):
        self.hear("step end")

    def on_epoch_end(self, trainer, row, scores):
        assert (trainer.run.checkpoints / "best.ckpt").exists()  # the kit's callbacks come before
        self.hear("epoch end", row["epoch"])

    def on_fit_end(self, trainer, scores, error):
        self.hear("fit end", type(error).__name__ if error else scores["epoch"])


EPOCH = ["epoch begin", *["step begin", "step end"] * 4]


@pytest.fixture
def cfg(tmp_path) -> TrainConfig:
    return TrainConfig(**PARAMS | {"epochs": 4}, output_path=str(tmp_path))


def test_the_events_in_order(cfg):
    heard = Heard()
    fit(cfg, callbacks=[heard])
    assert heard.events == ["fit begin", *EPOCH, ("epoch end", 1), *EPOCH, ("epoch end", 2), ("fit end", 2)]


def broken():
    raise TrainingError("the callback is broken")


@pytest.mark.parametrize(
    "act, error, state",
    [
        (lambda: os.kill(os.getpid(), signal.SIGINT), KeyboardInterrupt, "interrupted"),
        (broken, TrainingError, "failed"),
    ],
)
def test_the_end_is_told_when_a_training_does_not_end_well(cfg, tmp_path, act, error, state):
    heard = Heard("step end", act)
    with pytest.raises(error):
        fit(cfg, callbacks=[heard])
    assert heard.events == ["fit begin", *EPOCH[:3], ("fit end", error.__name__)]
    assert Run(next(tmp_path.iterdir())).status["state"] == state


def test_what_is_no_callback_is_refused_before_a_folder_is_made(cfg, tmp_path):
    for given in (print, [print], [Heard]):
        with pytest.raises(TypeError, match="is no Callback; give a list of objects"):
            fit(cfg, None, given)
    assert not list(tmp_path.iterdir())
