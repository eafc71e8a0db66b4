"""A training that is killed, interrupted, or loses its disk goes on to the same bytes; and what the user reads."""

import errno
import os
import shutil
import signal
import subprocess
import time
from pathlib import Path

import pytest
from kill_and_resume import COMMAND, Moment, content, differences, kill_and_resume, log_lines, moments, reference, start

from unet_nb.core.files import write_json
from unet_nb.runs.checkpoint_files import checkpoint_name, list_checkpoints
from unet_nb.runs.folder import Run, run_state
from unet_nb.training.fit import fit

pytestmark = pytest.mark.slow

KILLS = int(os.environ.get("KILLS", 3))  # KILLS=25 python -m pytest tests/test_resume.py -k killed


@pytest.fixture(scope="module")
def whole(tmp_path_factory) -> Run:
    return reference(tmp_path_factory.mktemp("whole"))


@pytest.mark.timeout(300 + 300 * KILLS)
def test_killed_at_any_moment_it_ends_in_the_same_bytes(whole, tmp_path):
    for i, moment in enumerate(moments(KILLS, 0, log_lines(whole))):
        print(kill_and_resume(moment, tmp_path / str(i), content(whole)))


def test_killed_after_the_last_checkpoint(whole, tmp_path):
    "The checkpoint was written; nothing after it was."
    path = tmp_path / "runs" / whole.path.name
    shutil.copytree(whole.path, path)
    oldest = list_checkpoints(path / "checkpoints")[0]
    shutil.copy(oldest, oldest.with_name(checkpoint_name("unet_fast", 1, 4)))  # not yet deleted
    (path / "metrics.json").unlink()
    (path / "history.csv").write_text("".join((path / "history.csv").read_text().splitlines(True)[:-1]))
    write_json(path / "status.json", whole.status | {"state": "running"})
    run = Run(path)
    assert run_state(run) == "killed"
    assert not differences(content(whole), content(fit(run.cfg, run)))


def until(condition, seconds: float = 300):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not come about"
        time.sleep(0.05)


@pytest.mark.timeout(1200)
def test_the_command_interrupted_then_killed_then_resumed(whole, tmp_path):
    folder = tmp_path / "runs"

    def log() -> str:
        return next((p.read_text() for p in folder.glob("*/log.txt")), "")

    process = start(folder, Moment(0, 0, False, command=True))
    until(lambda: "epoch 2/" in log())
    run = Run(next(folder.glob("*/status.json")).parent)
    with pytest.raises(FileExistsError, match="still running"):
        Run(run.path).lock(patience=0)  # never two in one folder
    process.send_signal(signal.SIGTERM)
    assert process.wait(200) == 130
    said = (folder / "output.txt").read_text().splitlines()[-1]
    assert said.startswith("unet_nb: stopped") and f"`unet_nb resume {run.path}` goes on" in said
    assert run.status["state"] == "interrupted" and said.endswith(run.status["reason"])

    steps = log().count("step: ")
    process = subprocess.Popen([COMMAND, "resume", run.path], cwd="/", stdout=subprocess.DEVNULL)
    until(lambda: log().count("step: ") > steps)
    kernel = Path("/proc", str(run.status["pid"]))
    process.kill()
    process.wait()
    until(
        lambda: not kernel.exists() or kernel.joinpath("stat").read_text().split()[2] == "Z", 60
    )  # no process stays behind
    until(lambda: run_state(run) == "killed", 60)

    subprocess.run([COMMAND, "resume", run.path], cwd=tmp_path, check=True, stdout=subprocess.DEVNULL)
    assert not differences(content(whole), content(run))
    assert {"train.ipynb", "train-1.ipynb", "train-2.ipynb"} <= {p.name for p in run.path.iterdir()}
    again = subprocess.run([COMMAND, "resume", run.path], capture_output=True, text=True)
    assert again.returncode == 1 and "is finished; for more epochs" in again.stderr and "Traceback" not in again.stderr


def at_step(number: int, act):
    "An `on_step` that calls `act` once, after `number` steps."
    count = iter(range(1, 10_000))
    return lambda trainer, loss: act() if next(count) == number else None


def test_a_folder_that_vanishes(whole, tmp_path):
    moved = tmp_path / "moved"
    cfg = whole.cfg.replace(output_path=str(tmp_path / "runs"))
    with pytest.raises(OSError, match=f"the run folder {tmp_path}/runs/.* is gone"):
        fit(cfg, on_step=at_step(6, lambda: (tmp_path / "runs").rename(moved)))
    assert not (tmp_path / "runs").exists()
    run = Run(next(moved.iterdir()))
    assert run_state(run) == "killed"  # nothing could be written down
    assert not differences(content(whole), content(fit(run.cfg, run)))


@pytest.fixture
def small_disk(tmp_path):
    disk = tmp_path / "disk"
    disk.mkdir()
    mounted = (
        shutil.which("mount")
        and subprocess.run(["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", disk], capture_output=True).returncode
        == 0
    )
    if not mounted:
        pytest.skip("needs the right to mount a small tmpfs")
    yield disk
    subprocess.run(["umount", "--lazy", disk], check=True)


def fill(path: Path) -> None:
    try:
        with open(path, "wb", buffering=0) as f:
            while f.write(b"x" * 1024):
                pass
    except OSError as e:
        assert e.errno == errno.ENOSPC


def test_a_full_disk(whole, small_disk):
    cfg = whole.cfg.replace(output_path=str(small_disk))
    with pytest.raises(OSError, match="the disk is full: cannot write to .* make room, then `unet_nb resume"):
        fit(cfg, on_step=at_step(6, lambda: fill(small_disk / "other")))
    run = Run(next(small_disk.glob("*/status.json")).parent)
    assert not list(run.path.rglob(".*"))  # nothing half-written is left to take up room
    (small_disk / "other").unlink()
    assert not differences(content(whole), content(fit(run.cfg, run)))
