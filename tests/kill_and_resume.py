"""Kills a training with SIGKILL at random moments, resumes it, and compares it with one that was never interrupted.

`kill_jobs.py` does it at length, and with the other jobs; `test_resume.py` with a few moments.
"""

import binascii
import json
import os
import random
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from unet_nb.config.jobs import TrainConfig
from unet_nb.runs.checkpoint import list_checkpoints, load_checkpoint
from unet_nb.runs.folder import Run, run_state
from unet_nb.training.fit import fit

PARAMS = {
    "base_channels": 4,
    "depth": 1,
    "demo_slices": 5,
    "demo_size": 64,
    "crop_size": [32, 32],
    "batch_size": 2,
    "epochs": 14,
    "repeat": 2,
    "augment": "em",
    "loss": "ce_dice",
    "optimizer": "adamw",
    "lr": 0.01,
    "lr_schedule": "one_cycle",
    "class_weights": "balanced",
    "keep_checkpoint_max": 3,
}
COMMAND = Path(sys.executable).parent / "unet_nb"


@dataclass
class Moment:
    """When a training is killed.

    `delay` seconds after its log has `lines` lines or, when `writing`, after it began to write a checkpoint by then.
    `damage`: afterwards a bit of the newest checkpoint is flipped. `command`: training and resuming are those of the
    command line, and the command is killed, not the notebook's kernel.
    """

    lines: int
    delay: float
    writing: bool
    damage: bool = False
    command: bool = False


def moments(count: int, seed: int, lines: int) -> list[Moment]:
    """`count` moments of a training whose log has `lines` lines.

    Every third while a checkpoint is written, every fifth with damage, every eighth through the command.
    """
    rng = random.Random(seed)
    return [
        Moment(rng.randrange(1, lines - 6), rng.uniform(0, 0.4), i % 3 == 0, i % 5 == 1, i % 8 == 7)
        for i in range(count)
    ]


def start(folder: Path, moment: Moment) -> subprocess.Popen:
    "Start a training into `folder`, in a process of its own."
    params = [
        str(text)
        for name, value in PARAMS.items()
        for text in ("-p", name, json.dumps(value) if isinstance(value, list) else value)
    ]
    command = (
        [COMMAND, "run", "train", *params, "-p", "output_path", folder]
        if moment.command
        else [sys.executable, __file__, "--train", folder, *(["--slowly"] if moment.writing else [])]
    )
    folder.mkdir()
    with open(folder / "output.txt", "w") as output:
        return subprocess.Popen(list(map(str, command)), stdout=output, stderr=output)


def kill_at(moment: Moment, process: subprocess.Popen, folder: Path) -> bool:
    """Wait for the moment and kill; whether something half-written was left behind.

    Raises TimeoutError if the moment does not come within five minutes.
    """
    deadline = time.monotonic() + 300

    def wait(condition):
        while not condition() and process.poll() is None:
            if time.monotonic() > deadline:
                raise TimeoutError(f"{moment} did not come")
            time.sleep(0.001)

    def lines() -> int:
        log = next(folder.glob("*/log.txt"), None)
        return log.read_bytes().count(b"\n") if log else -1

    def half_written() -> list[Path]:
        return list(folder.glob("*/checkpoints/.*"))

    wait(lambda: lines() >= moment.lines)
    if moment.writing:
        wait(half_written)
    time.sleep(moment.delay)
    process.kill()
    if process.wait() != -signal.SIGKILL:
        raise RuntimeError(f"{moment}: the training ended before: {(folder / 'output.txt').read_text()[-500:]}")
    return bool(half_written())


def flip_a_bit(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.unlink()  # MindSpore makes its files read-only
    path.write_bytes(content)


def content(run: Run) -> dict:
    """What must be the same in two runs.

    Every array of the newest and of the best checkpoint, history and scores but for times, and which files there are.
    """

    def arrays(path):
        return {f"{path.name} {name}": p.asnumpy() for name, p in load_checkpoint(path).params.items()}

    metrics = {k: v for k, v in run.metrics.items() if k != "train_seconds"}
    files = sorted(p.name for p in run.checkpoints.iterdir())
    return {
        "files": files,
        "history": run.history.drop(columns="seconds").to_dict("records"),
        "metrics": metrics,
        **arrays(list_checkpoints(run.checkpoints)[-1]),
        **arrays(run.checkpoints / "best.ckpt"),
    }


def differences(a: dict, b: dict) -> list[str]:
    "Names of the parts of two `content`s that are not the same to the bit."
    return [
        k
        for k in a.keys() | b.keys()
        if k not in a
        or k not in b
        or not (np.array_equal(a[k], b[k]) if isinstance(a[k], np.ndarray) else a[k] == b[k])
    ]


def kill_and_resume(moment: Moment, folder: Path, expected: dict) -> str:
    "One training that is killed and resumed; a line about it. AssertionError: the result is not the expected one."
    left = kill_at(moment, start(folder, moment), folder)
    run = Run(next(folder.glob("*/status.json")).parent)
    for _ in range(100):  # a kernel without its command ends within a second or two
        if run_state(run) != "running":
            break
        time.sleep(0.1)
    state, saved = run_state(run), list_checkpoints(run.checkpoints)
    assert state == "killed", f"{moment}: the run is {state}"
    damaged = saved[-1].name if moment.damage and saved else ""
    if damaged:
        flip_a_bit(saved[-1])
    if moment.command:
        subprocess.run([COMMAND, "resume", str(run.path)], check=True, stdout=subprocess.DEVNULL)
    else:
        fit(run.cfg, run)
    log = (run.path / "log.txt").read_text()
    result = content(run)
    wrong = differences(expected, result)
    assert not wrong, f"{moment}: not the same: {wrong} {result['files'] if 'files' in wrong else ''}"
    assert run.status["state"] == "done" and not list(run.path.rglob(".*"))
    assert not damaged or f"{damaged}: the checkpoint is damaged" in log
    went_on = next((line for line in log.splitlines() if line.startswith("goes on after")), "began anew")
    how = " while writing" if left else ""
    how += ", by the command" if moment.command else ""
    how += f", {damaged} damaged" if damaged else ""
    return f"killed {moment.delay:.2f} s after line {moment.lines}{how}: {went_on}"


def reference(folder: Path) -> Run:
    "The training that is not interrupted."
    return fit(TrainConfig(**PARAMS, output_path=str(folder)))


def log_lines(run: Run) -> int:
    return len((run.path / "log.txt").read_text().splitlines())


def write_slowly() -> None:
    "Stretch the writing of files, so that it can be hit: a pause after each array and around each renaming."
    from mindspore.train import serialization

    class Slow:
        @staticmethod
        def crc32(data, value=0):
            time.sleep(0.004)
            return binascii.crc32(data, value)

    replace = os.replace

    def slow_replace(source, target):
        time.sleep(0.03)
        replace(source, target)
        time.sleep(0.03)

    serialization.binascii, os.replace = Slow, slow_replace


if __name__ == "__main__":  # what `start` starts
    if "--slowly" in sys.argv:
        write_slowly()
    fit(TrainConfig(**PARAMS, output_path=sys.argv[2]))
