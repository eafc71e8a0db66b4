"""Several ranks train what one trains, hold the same weights, and end together."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import psutil
import pytest

pytestmark = pytest.mark.slow

BIN = Path(sys.executable).parent
# Without BatchNorm the mean of two ranks' gradients is the gradient of the global batch.
TINY = {
    "model_name": "unet_simple",
    "use_bn": False,
    "base_channels": 4,
    "depth": 2,
    "demo_slices": 5,
    "demo_size": 64,
    "crop_size": [64, 64],
    "augment": "em",
    "repeat": 10,
}
TWO = TINY | {"distribute_batchsize": 1, "distribute_epochs": 80, "is_save_on_master": False}
ONE = TINY | {"batch_size": 2, "epochs": 80}


def start(*args, cwd: Path) -> subprocess.Popen:
    return subprocess.Popen(
        [str(a) for a in (BIN / "unet_nb", *args)], cwd=cwd, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


def as_p(params: dict) -> list[str]:
    return [
        text
        for name, value in params.items()
        for text in ("-p", name, json.dumps(value) if isinstance(value, list) else str(value))
    ]


def weights(run: Path) -> dict[str, np.ndarray]:
    from unet_nb.runs.checkpoint import find_checkpoint, load_checkpoint

    return {
        n: p.asnumpy()
        for n, p in load_checkpoint(find_checkpoint(run / "checkpoints", prefer_best=False)).params.items()
    }


def assert_same(a: dict, b: dict) -> None:
    assert set(a) == set(b)
    for name in a:
        np.testing.assert_array_equal(a[name], b[name], err_msg=name)


def left_over(run: Path) -> list[psutil.Process]:
    from unet_nb.studies.distributed import MARK

    found = []
    for process in psutil.process_iter():
        try:
            found += [process] if process.environ().get(MARK) == str(run) else []
        except psutil.Error:
            pass
    return found


def wait_for(condition, seconds: float = 300):
    end = time.monotonic() + seconds
    while not (found := condition()):
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.05)
    return found


@pytest.fixture(scope="module")
def two(tmp_path_factory) -> Path:
    here = tmp_path_factory.mktemp("two")
    command = start("run", "train", "--workers", 2, *as_p(TWO), cwd=here)
    out, err = command.communicate(timeout=600)
    assert command.returncode == 0, err
    assert out.count("epoch 8/8") == 1, "one line of progress, not one of each rank"
    return Path(out.splitlines()[-1])


def test_both_ranks_hold_the_same_network_and_leave_their_notebooks(two):
    assert_same(weights(two), weights(two / "ranks/1"))
    seen = [(folder / "preprocessing.json").read_text() for folder in (two, two / "ranks/1")]
    assert seen[0] == seen[1]
    assert (two / "history.csv").read_text().splitlines()[0] == (two / "ranks/1/history.csv").read_text().splitlines()[
        0
    ]
    for folder in (two, two / "ranks/1"):
        assert json.loads((folder / "status.json").read_text())["state"] == "done"
        assert "papermill" in (folder / "train.ipynb").read_text()
    assert "batch 1 on each of 2 ranks" in (two / "log.txt").read_text()
    assert not left_over(two)


def test_two_ranks_learn_what_one_learns_from_the_same_global_batches(two, tmp_path):
    from unet_nb.config.jobs import TrainConfig
    from unet_nb.runs.folder import Run
    from unet_nb.training.fit import fit

    one, pair = fit(TrainConfig(**ONE, output_path=str(tmp_path))), Run(two)
    assert len(one.history) == len(pair.history) == 8
    np.testing.assert_allclose(pair.history.loss[:3], one.history.loss[:3], atol=1e-5)  # the first 60 steps
    np.testing.assert_allclose(
        pair.history.loss, one.history.loss, atol=1e-3
    )  # the last digits drift apart, as sums are added up in another order
    np.testing.assert_allclose(pair.history.dice_coeff, one.history.dice_coeff, atol=1e-3)
    images = [[row["id"] for row in run.metrics["per_image"]] for run in (one, pair)]
    assert images[0] == images[1]


@pytest.mark.parametrize("ranks, batch, steps", [(1, 4, 7), (2, 2, 7), (3, 1, 9), (4, 2, 3)])
def test_every_image_of_a_global_batch_goes_to_one_rank(ranks, batch, steps):
    """Four images, seven times over; what does not fill a global batch is left out."""
    from unet_nb.config.jobs import TrainConfig
    from unet_nb.data.pipeline import TrainBatches, epoch_order, load_split

    cfg = TrainConfig(
        **TINY | {"repeat": 7, "augment": []}, run_distribute=True, distribute_batchsize=batch, distribute_epochs=7
    )
    train, _ = load_split(cfg)
    seen = []
    for rank in range(ranks):
        batches = TrainBatches(cfg, train, rank, ranks)
        assert len(batches) == steps
        batches._example = lambda position: (np.array(position),)
        seen.append([batches[step][0].tolist() for step in range(steps)])
    for step in range(steps):
        assert sorted(p for rank in seen for p in rank[step]) == list(
            range(step * ranks * batch, (step + 1) * ranks * batch)
        )
    assert len(epoch_order(len(train), 7, cfg.seed, 0)) - steps * ranks * batch < ranks * batch


def test_a_killed_rank_ends_the_run_in_words_and_resume_gives_the_same_weights(two, tmp_path):
    command = start("run", "train", "--workers", 2, *as_p(TWO), cwd=tmp_path)
    run = wait_for(lambda: next(tmp_path.glob("runs/*"), None))
    wait_for(lambda: "epoch 2/8" in (run / "log.txt").read_text() if (run / "log.txt").is_file() else False)
    os.kill(json.loads((run / "ranks/1/status.json").read_text())["pid"], signal.SIGKILL)
    killed = time.monotonic()
    _, err = command.communicate(timeout=120)
    assert time.monotonic() - killed < 60
    assert command.returncode == 1 and "Traceback" not in err
    assert (
        "rank 1: the notebook's process died: it was killed" in err
        and "worker_1.log" in err
        and "unet_nb resume" in err
    )
    status = json.loads((run / "status.json").read_text())
    assert status["state"] == "failed" and "rank 1" in status["reason"]
    assert not left_over(run)

    command = start("resume", run, cwd=tmp_path)
    _, err = command.communicate(timeout=600)
    assert command.returncode == 0, err
    assert "goes on after epoch" in (run / "log.txt").read_text()
    assert_same(weights(run), weights(two))


@pytest.mark.parametrize(
    "args, sentence",
    [
        (["-p", "run_distribute", "True"], "--workers N"),
        (
            ["--workers", 2, "-p", "distribute_batchsize", "16", "-p", "repeat", "1", "-p", "demo_slices", "5"],
            "lower distribute_batchsize",
        ),
        (["--workers", 3, "--hosts", "10.0.0.1,127.0.0.1"], "spread evenly"),
        (["--rank-table", "nowhere.json"], "--rank-table: nowhere.json cannot be read"),
    ],
)
def test_a_mistake_gets_a_sentence(args, sentence, tmp_path):
    command = start("run", "train", *args, cwd=tmp_path)
    _, err = command.communicate(timeout=300)
    assert command.returncode == 1 and sentence in err and "Traceback" not in err
