"""Sweeps and trackers as a user starts them: several real runs, one of which fails, stopped half-way and resumed."""

import importlib.util
import json
import os
import shlex
import signal
import subprocess
import sys
import time
from pathlib import Path

import pandas as pd
import pytest

pytestmark = pytest.mark.slow

UNET_NB = str(Path(sys.executable).with_name("unet_nb"))
TINY = {
    "base_channels": 4,
    "depth": 1,
    "demo_slices": 5,
    "demo_size": 64,
    "crop_size": "[32, 32]",
    "batch_size": 2,
    "epochs": 2,
    "repeat": 1,
}
TINY = [text for name, value in TINY.items() for text in ("-p", name, str(value))]
needs_submitit = pytest.mark.skipif(
    importlib.util.find_spec("submitit") is None, reason="submitit is not installed (extra cluster)"
)
needs_tensorboard = pytest.mark.skipif(
    importlib.util.find_spec("tensorboardX") is None, reason="tensorboardX is not installed (extra tensorboard)"
)
needs_mlflow = pytest.mark.skipif(
    not all(map(importlib.util.find_spec, ("mlflow", "sqlalchemy", "alembic"))),
    reason="MLflow is not installed (extra mlflow)",
)


def unet_nb(*args, cwd, code=0, **env):
    done = subprocess.run(
        [UNET_NB, *map(str, args)], cwd=cwd, env=os.environ | env, capture_output=True, text=True, timeout=400
    )
    assert done.returncode == code, done.stdout[-3000:] + done.stderr[-3000:]
    return done


def processes_naming(folder) -> list[str]:
    found = []
    for file in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            text = file.read_bytes().replace(b"\0", b" ").decode(errors="replace")
        except OSError:
            continue  # it has ended meanwhile
        if str(folder) in text:
            found.append(text)
    return found


@pytest.fixture(scope="module")
def stopped(tmp_path_factory):
    "A sweep of three runs, the second of which fails, stopped by Ctrl-C while the third is training."
    cwd = tmp_path_factory.mktemp("sweep")
    (cwd / "runs.csv").write_text("lr,epochs\n0.01,\n1e30,\n0.003,100\n")
    with open(cwd / "out.txt", "w") as out:
        process = subprocess.Popen(
            [UNET_NB, "sweep", "train", "--list", "runs.csv", "--jobs", "2", "-p", "name", "mine", *TINY],
            cwd=cwd,
            stdout=out,
            stderr=subprocess.STDOUT,
        )
    end = time.time() + 300
    while time.time() < end and not (
        list(cwd.glob("runs/*/*_3_*/history.csv")) and ": failed: " in (cwd / "out.txt").read_text()
    ):
        time.sleep(0.2)
    process.send_signal(signal.SIGINT)
    assert process.wait(120) == 130, (cwd / "out.txt").read_text()
    return cwd, next(cwd.glob("runs/*_sweep_mine"))


def test_one_failure_does_not_stop_the_others(stopped):
    cwd, sweep = stopped
    text = (cwd / "out.txt").read_text()
    assert (
        "1_lr-0.01_epochs-2: done after" in text
        and "2_lr-1e30_epochs-2: failed: " in text
        and "holds NaN or infinity after epoch 1" in text
    )


def test_ctrl_c_stops_all_and_says_how_to_go_on(stopped):
    cwd, sweep = stopped
    assert f"`unet_nb sweep --resume {sweep}`" in (cwd / "out.txt").read_text()
    assert processes_naming(sweep) == []
    assert json.loads((sweep / "status.json").read_text())["state"] == "interrupted"
    (third,) = sweep.glob("*_3_*")
    assert json.loads((third / "status.json").read_text())["state"] == "interrupted" and list(
        third.glob("checkpoints/*.ckpt")
    )
    assert "sweep" in unet_nb("runs", cwd=cwd).stdout


def test_resume_does_what_is_left_and_makes_the_table(stopped):
    cwd, sweep = stopped
    (third,), (first,) = sweep.glob("*_3_*"), sweep.glob("*_1_*")
    trained = int(pd.read_csv(third / "history.csv").epoch.max())
    assert trained < 100
    before = (first / "metrics.json").stat().st_mtime_ns
    done = unet_nb("sweep", "--resume", sweep, cwd=cwd, code=1)
    assert "1 of 3 runs failed: 2_lr-1e30_epochs-2" in done.stderr and "--resume" in done.stderr
    assert (first / "metrics.json").stat().st_mtime_ns == before and len(list(sweep.glob("2*Z_*"))) == 3
    runs, table = pd.read_csv(sweep / "runs.csv"), pd.read_csv(sweep / "sweep.csv")
    assert list(runs.state) == ["done", "failed", "done"] and list(runs.run) == [
        "1_lr-0.01_epochs-2",
        "2_lr-1e30_epochs-2",
        "3_lr-0.003_epochs-100",
    ]
    assert list(table.finished) == [1, 0, 1] and (sweep / "figures/sweep.png").is_file()
    for row, folder in ((0, first), (2, third)):
        assert table.dice_coeff[row] == pytest.approx(json.loads((folder / "metrics.json").read_text())["dice_coeff"])
    assert list(pd.read_csv(third / "history.csv").epoch) == list(range(1, 101))  # it went on where it stopped


def test_impossible_combinations_are_refused_before_anything_starts(tmp_path):
    done = unet_nb(
        "sweep", "train", "--grid", "crop_size=[32,32],[30,32]", "--grid", "lr=1e-3,fast", *TINY, cwd=tmp_path, code=1
    )
    assert (
        "3 of 4 runs cannot be run, so none was started" in done.stderr
        and "30 is not" in done.stderr
        and "'fast' is not usable" in done.stderr
    )
    assert not (tmp_path / "runs").exists()
    for args in (["train", "--grid", "lr=1", "--list", "x.csv"], ["--collect", "train"], []):
        unet_nb("sweep", *args, cwd=tmp_path, code=2)


@pytest.fixture(scope="module")
def scheduled(tmp_path_factory):
    """A sweep of two runs that report to TensorBoard.

    One by its line of the job file, the other through submitit's local executor, which stands for Slurm.
    """
    cwd = tmp_path_factory.mktemp("scheduled")
    (cwd / "two.yaml").write_text("- {lr: 0.01}\n- {lr: 0.02}\n")
    done = unet_nb(
        "sweep", "train", "--list", "two.yaml", "--job-file", "jobs.txt", "-p", "tracker", "tensorboard", *TINY, cwd=cwd
    )
    sweep = Path(done.stdout.splitlines()[-1])
    first, second = (cwd / "jobs.txt").read_text().splitlines()
    assert shlex.split(second)[-2:] == ["-f", str(sweep / "jobs/2_lr-0.02.yaml")]
    assert subprocess.run(first, shell=True, cwd="/", capture_output=True, timeout=300).returncode == 0
    return cwd, sweep


@needs_submitit
@needs_tensorboard
def test_a_job_file_and_a_scheduler(scheduled):
    cwd, sweep = scheduled
    assert "1 of 1" in unet_nb("sweep", "--resume", sweep, "--collect", cwd=cwd).stdout
    assert json.loads((sweep / "status.json").read_text())["state"] == "waiting"
    done = unet_nb("sweep", "--resume", sweep, "--scheduler", "local", "--scheduler-param", "timeout_min", 10, cwd=cwd)
    assert (
        list(pd.read_csv(sweep / "runs.csv").state) == ["done", "done"]
        and list(sweep.glob("submitit/*"))
        and "1_lr-0.01: starts" not in done.stdout
    )


@needs_tensorboard
def test_tensorboard(scheduled):
    (events,) = next(scheduled[1].glob("2*_1_*")).glob("tensorboard/*")
    assert all(name in events.read_bytes() for name in (b"loss", b"dice_coeff", b"final/mean_iou"))


@needs_mlflow
def test_mlflow(tmp_path):
    from mlflow import MlflowClient

    run = Path(unet_nb("run", "train", "-p", "tracker", "mlflow", *TINY, cwd=tmp_path).stdout.splitlines()[-1])
    record = MlflowClient(tracking_uri=f"sqlite:///{run}/mlflow.db").get_run((run / "mlflow_run_id").read_text())
    assert (
        record.info.status == "FINISHED"
        and record.data.tags["run_folder"] == str(run)
        and record.data.params["base_channels"] == "4"
    )
    assert record.data.metrics["final/dice_coeff"] == pytest.approx(
        json.loads((run / "metrics.json").read_text())["dice_coeff"]
    )


def test_a_tracker_that_is_not_installed(tmp_path):
    (tmp_path / "mlflow.py").write_text("")  # found, but SQLAlchemy is hidden below
    (tmp_path / "sitecustomize.py").write_text(
        "import sys\nsys.modules['sqlalchemy'] = None\nsys.modules['tensorboardX'] = None\n"
    )
    for tracker, package in (("mlflow", "sqlalchemy"), ("tensorboard", "tensorboardX")):
        done = unet_nb("run", "train", "-p", "tracker", tracker, *TINY, cwd=tmp_path, code=1, PYTHONPATH=str(tmp_path))
        assert f"pip install {package}" in done.stderr and not (tmp_path / "runs").exists()


def test_learning_curve(tmp_path):
    "Three trainings on 2, 4 and 4 of 4 images with 4, 4 and 2 steps."
    steps = [text for name, value in {"epochs": 2, "repeat": 1}.items() for text in ("-p", name, value)]
    given = [*TINY, *steps, "-p", "output_path", tmp_path, "--images", "2,4", "--seeds", 1]
    done = unet_nb("learning-curve", *given, cwd=tmp_path)
    folder = Path(done.stdout.splitlines()[-1])
    table = pd.read_csv(folder / "learning_curve.csv")
    assert list(zip(table.images, table.steps, table.seeds)) == [(2, 4, 1), (4, 2, 1), (4, 4, 1)]
    found = json.loads((folder / "learning_curve.json").read_text())
    assert "nothing can be said" in found["verdict"]  # one held-out image
    assert (folder / "figures/learning_curve.png").stat().st_size > 5000
    trained = [json.loads(file.read_text()) for file in folder.glob("*/split.json")]
    assert sorted(len(split["train"]) for split in trained) == [2, 4, 4] and len({str(s["val"]) for s in trained}) == 1
    (folder / "learning_curve.csv").unlink()
    again = unet_nb("learning-curve", "--resume", folder, "--collect", cwd=tmp_path)
    assert Path(again.stdout.splitlines()[-1]) == folder
    pd.testing.assert_frame_equal(pd.read_csv(folder / "learning_curve.csv"), table)
